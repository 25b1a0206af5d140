//! Clients that others wrote.

use std::process::Command;

use expect_test::expect;

use super::server::serve;
use super::world::{PASSWORD, publish, target};
use crate::databases::on_both_alike;

const BEFORE: &str = "1 ada name=Ada_Lee : dev ops\n2 Bob : ops\n3 cyd mail=c@other.test : dev";
const WORLD: &str = "1 ada name=Ada_Lee : dev ops\n2 Bob : ops\n3 cyd mail=c@other.test off";

/// What a script prints that reads the directory.
async fn run(script: &'static str) -> String {
    on_both_alike(async |db| {
        let jira = target(&db, "jira").await;
        publish(&db, jira, BEFORE).await;
        publish(&db, jira, WORLD).await;
        let url = serve(&db).await;
        tokio::task::spawn_blocking(move || python(script, &url)).await.unwrap()
    })
    .await
}

fn python(script: &str, url: &str) -> String {
    let interpreter = std::env::var("ROLLCALL_TEST_PYTHON").unwrap_or_else(|_| {
        panic!(
            "ROLLCALL_TEST_PYTHON is not set: foreign clients are run by it. Run ./test, which makes an \
             environment for it, or set it to a Python that has what tests/requirements.txt names."
        )
    });
    let path = format!("{}/tests/python/{script}", env!("CARGO_MANIFEST_DIR"));
    let output = Command::new(interpreter).args([&path, url, "jira", PASSWORD]).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{script} failed: {errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[tokio::test]
async fn the_client_of_pypi_called_crowd_reads_the_directory() {
    expect![[r#"
        ping True
        ping with a wrong password False
        cookie ['domain', 'name', 'secure']
        user ['ada', 'Ada Lee', 'ada@acme.test', True, '1']
        nobody None
        exists True None
        groups ['dev', 'ops'] ['dev', 'ops'] None
        members ['ada', 'Bob']
        memberships [('dev', ['ada'], []), ('ops', ['Bob', 'ada'], [])]
        search ['ada', 'Bob']
        page ['Bob']
        groups found ['ops']
        sign in None None
        session None True
        add user False
        deactivate None
        add member False False
        create group This directory is read-only: its users and groups come from the identity provider. Change them there.
        remove group This directory is read-only: its users and groups come from the identity provider. Change them there.
    "#]].assert_eq(&run("crowd_client.py").await);
}

#[tokio::test]
async fn the_atlassian_python_api_reads_the_directory() {
    expect![[r#"
        user ['ada', 'Ada Lee', 'ada@acme.test', True, '1']
        groups ['dev', 'ops'] ['dev', 'ops']
        members ['ada', 'Bob'] ['ada', 'Bob']
        is member True False
        group ['dev', 'GROUP', True]
        attributes [] []
        children [] []
        cookie ['domain', 'name', 'secure']
        cql ['ada']
        everybody ['ada', 'Bob', 'cyd']
        notify False
        delete session None
        nobody 404
        sign in 400
        session 400 404
        rename 403
        delete 403 403
        malformed 400
    "#]]
    .assert_eq(&run("atlassian_client.py").await);
}
