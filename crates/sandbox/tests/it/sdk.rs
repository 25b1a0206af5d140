use std::{env, path::Path, process::Command};

use crate::client::start;

#[tokio::test]
async fn the_official_python_sdk_lists_users_roles_and_groups() {
    let python = env::var_os("ROLLCALL_TEST_PYTHON").expect(
        "set ROLLCALL_TEST_PYTHON to a Python that has the packages of tests/requirements.txt; \
         ./test does this for you",
    );
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/python/sdk.py");
    let sandbox = start(230).await;
    let mut command = Command::new(python);
    command.arg(script).args([&sandbox.base_url(), sandbox.client_id(), sandbox.client_secret()]);
    command.env("no_proxy", "127.0.0.1");
    let output = tokio::task::spawn_blocking(move || command.output()).await.unwrap().unwrap();
    let (said, complained) =
        (String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
    assert!(output.status.success(), "{said}\n{complained}");
    assert_eq!(said.trim(), "users 230, roles 5, groups 4");
    assert_eq!(sandbox.admin().calls("GET /api/2/users").good, 3);
}
