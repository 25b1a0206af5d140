//! The commands of the main job, by the real binary against a sandbox.

mod approvals;
mod directory;
mod local_groups;
mod mapping;
mod policies;

use std::path::Path;
use std::process::{Command, Output, Stdio};

use rollcall::store::Db;
use rollcall::store::audit;
use sandbox::onelogin::{Data, Fault, Kind, Options, Population, Sandbox, Tenant, When};
use serde_json::Value;

use crate::databases::Database;

const ROLLCALL: &str = env!("CARGO_BIN_EXE_rollcall");
/// The file with the URL of the database, where it is none in the folder itself.
const DATABASE: &str = "database-url";

struct Installation {
    folder: tempfile::TempDir,
    sandbox: Sandbox,
}

impl Installation {
    /// A connector called OneLogin, and a target called jira where one is wanted.
    async fn new(users: u32, with_target: bool) -> Installation {
        Installation::on(None, users, with_target).await
    }

    /// On a database of PostgreSQL where one is given, and otherwise on a file of its own.
    async fn on(database: Option<&Database>, users: u32, with_target: bool) -> Installation {
        let population = Population {
            users,
            roles: 6,
            groups: 2,
            roles_per_user: 2,
            seed: 7,
            data: Data::Clean,
        };
        let tenant = Tenant::generate(&population);
        let sandbox = sandbox::onelogin::start(tenant, Options::quiet(7)).await.unwrap();
        let folder = tempfile::tempdir().unwrap();
        let secret = folder.path().join("secret");
        std::fs::write(&secret, sandbox.client_secret()).unwrap();
        if let Some(database) = database {
            std::fs::write(folder.path().join(DATABASE), &database.url).unwrap();
        }
        let installation = Installation { folder, sandbox };
        installation.expect(0, &["init"]).await;
        let (url, id) =
            (installation.sandbox.base_url(), installation.sandbox.client_id().to_owned());
        let create = ["connector", "create", "OneLogin", "--base-url", &url, "--client-id", &id];
        let secret = secret.display().to_string();
        let rest = ["--client-secret-file", &secret, "--groups-from", "roles"];
        installation.expect(0, &[&create[..], &rest[..]].concat()).await;
        if with_target {
            let create = ["target", "create", "jira", "--connector", "OneLogin", "--type", "crowd"];
            installation.expect(0, &create).await;
        }
        installation
    }

    /// Runs a command that has to end with this exit code.
    async fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = run(self.folder.path(), arguments).await;
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        if code == 0 || code == 2 || code == 3 { out } else { err }
    }

    async fn json(&self, code: i32, arguments: &[&str]) -> Value {
        let answer = self.expect(code, &[arguments, &["--json"]].concat()).await;
        serde_json::from_str(&answer).unwrap()
    }
}

async fn run(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(ROLLCALL);
    command.args(arguments).arg("--data-dir").arg(folder).arg("--allow-loopback");
    let database = folder.join(DATABASE);
    if database.exists() {
        command.arg("--database-url-file").arg(database);
    }
    command.stdin(Stdio::null());
    tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn simulate_sync_and_show_tell_the_same_story() {
    let it = Installation::new(40, true).await;
    let simulated = it.json(0, &["simulate", "OneLogin"]).await;
    it.json(2, &["simulate", "onelogin", "--detailed-exitcode"]).await;
    let text = it.expect(0, &["simulate", "OneLogin", "--limit", "3"]).await;
    assert!(text.contains("40 creations") && text.contains("changes in all"), "{text}");
    assert!(text.ends_with("Nothing was changed.\n"), "{text}");

    let synced = it.json(0, &["sync", "OneLogin"]).await;
    assert_eq!(synced["status"], "succeeded");
    assert_eq!(synced["report"]["source"]["seen"], 40);
    let shown = it.json(0, &["run", "show", "1", "--limit", "1000"]).await;
    let changes =
        |answer: &Value, list: &str| answer.pointer(list).unwrap().as_array().unwrap().len();
    assert_eq!(changes(&simulated, "/targets/0/steps"), changes(&shown, "/changes"));

    let again = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(again.contains("Everything already matches."), "{again}");
    // As the page of runs filters.
    let trigger = ["--trigger", "command-line"];
    for (flags, runs) in [
        (&["--with-changes"][..], &[1][..]),
        (&["--status", "failed"], &[]),
        (&["--status", "succeeded"], &[2, 1]),
        (&[&trigger[..], &["--before", "2"]].concat(), &[1]),
        (&["--trigger", "schedule"], &[]),
    ] {
        let list = it.json(0, &[&["run", "list"], flags].concat()).await;
        let ids = list["runs"].as_array().unwrap().iter().map(|it| it["id"].as_i64().unwrap());
        assert_eq!(ids.collect::<Vec<_>>(), runs, "{flags:?}: {list}");
    }
    it.expect(64, &["run", "list", "--status", "odd"]).await;
    let target = it.json(0, &["target", "show", "jira"]).await;
    assert_eq!((&target["users"], &target["active_users"]), (&40.into(), &40.into()));
}

#[tokio::test(flavor = "multi_thread")]
async fn a_held_run_ends_with_three_and_says_why() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let ids = it.sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec());
    for id in ids.iter().take(4) {
        it.sandbox.admin().delete_user(*id).unwrap();
    }
    for command in ["simulate", "sync"] {
        let told = it.expect(3, &[command, "OneLogin"]).await;
        assert!(told.contains("4 people would be deactivated (limit 3)"), "{told}");
    }
    let list = it.expect(0, &["run", "list"]).await;
    assert!(list.contains("held"), "{list}");

    // What the message says to do lets them pass.
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    assert!(told.contains("rollcall plan approve 2 --reason"), "the same plan waits: {told}");
    let told = it.expect(0, &["plan", "approve", "2", "--reason", "They left", "--run"]).await;
    assert!(told.contains("Run 4 succeeded. 4 changes were applied."), "{told}");
    let target = it.json(0, &["target", "show", "jira"]).await;
    assert_eq!(target["active_users"], 36);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_source_that_refuses_ends_with_five_and_a_low_budget_with_75() {
    let it = Installation::new(10, true).await;
    it.sandbox.admin().inject(Fault::always(When::next("*"), Kind::Unauthorized));
    let told = it.expect(5, &["sync", "OneLogin"]).await;
    assert!(told.contains("401") || told.contains("refused"), "{told}");
    assert!(told.contains("Recorded as run 1."), "{told}");
    it.sandbox.admin().clear_faults();
    it.sandbox.admin().consume(4_990);
    let told = it.expect(75, &["sync", "OneLogin"]).await;
    assert!(told.contains("API calls are left this hour"), "{told}");
    let list = it.expect(0, &["run", "list"]).await;
    assert!(list.contains("failed") && list.contains("skipped"), "{list}");
}

#[tokio::test(flavor = "multi_thread")]
async fn without_a_target_a_simulation_shows_everybody_and_a_sync_says_what_is_missing() {
    let it = Installation::new(10, false).await;
    let told = it.expect(0, &["simulate", "OneLogin"]).await;
    assert!(told.contains("No target yet") && told.contains("10 creations"), "{told}");
    let told = it.expect(64, &["sync", "OneLogin"]).await;
    assert!(told.contains("rollcall target create"), "{told}");
    let told = it.expect(64, &["sync", "OneLogni"]).await;
    assert!(told.contains("OneLogin"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn explain_says_why_somebody_is_here_and_why_not() {
    let it = Installation::new(30, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let with_roles = it.sandbox.admin().with_tenant(|tenant| {
        let people = tenant.user_ids().iter().map(|id| tenant.user(*id).unwrap().into_owned());
        people.filter(|user| !user.role_ids.is_empty()).take(2).collect::<Vec<_>>()
    });
    let name = |index: usize| with_roles[index].username.clone().unwrap().into_owned();
    let (here, gone) = (name(0), name(1));
    let told = it.expect(0, &["user", "explain", "OneLogin", &here]).await;
    assert!(told.contains("Active (status 1)") && told.contains("no change needed"), "{told}");
    assert!(told.contains("from role"), "{told}");

    it.sandbox.admin().delete_user(with_roles[1].id).unwrap();
    let answer = it.json(0, &["user", "explain", "OneLogin", &gone]).await;
    let changes = answer.pointer("/people/0/directories/0/changes").unwrap();
    assert!(changes[0].as_str().unwrap().contains("gone, asked for by id"), "{changes}");

    let told = it.expect(1, &["user", "explain", "OneLogin", "nobody.knows"]).await;
    assert!(told.contains("No one matches"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_demo_serves_a_directory_and_leaves_nothing_behind() {
    let mut command = Command::new(ROLLCALL);
    command.args(["demo", "--users", "80", "--listen", "127.0.0.1:0", "--json"]);
    let mut demo = command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let pid = demo.id().to_string();
    let stdout = demo.stdout.take().unwrap();
    let answer = tokio::task::spawn_blocking(move || first_object(stdout)).await.unwrap();
    let word = |key: &str| answer[key].as_str().unwrap().to_owned();

    assert!(answer["status"].as_str().unwrap().starts_with("succeeded"), "{answer}");
    rollcall::http::install_crypto();
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let ready = client.get(format!("{}/readyz", word("service"))).send().await.unwrap();
    assert!(ready.status().is_success());
    let search = format!(
        "{}/rest/usermanagement/1/search?entity-type=user&start-index=0&max-results=-1&expand=user",
        word("server_url")
    );
    let users = client
        .post(search)
        .basic_auth(word("application"), Some(word("password")))
        .header("content-type", "application/xml")
        .body("<null-search-restriction/>")
        .send()
        .await
        .unwrap();
    assert!(users.status().is_success());
    let users = users.text().await.unwrap();
    assert!(40 < users.matches("<user ").count(), "{users}");

    let folder = word("data_dir");
    assert!(Path::new(&folder).exists());
    assert!(Command::new("kill").args(["-INT", &pid]).status().unwrap().success());
    let ended = tokio::task::spawn_blocking(move || demo.wait().unwrap()).await.unwrap();
    assert_eq!(ended.code(), Some(0));
    assert!(!Path::new(&folder).exists(), "the data of the demo is gone");
}

/// Reads up to the end of the first JSON object; the rest of the stream is read away.
fn first_object(stdout: std::process::ChildStdout) -> Value {
    use std::io::{BufRead as _, BufReader};
    let mut lines = BufReader::new(stdout).lines();
    let mut text = String::new();
    for line in lines.by_ref() {
        let line = line.unwrap();
        text.push_str(&line);
        if line == "}" {
            break;
        }
    }
    std::thread::spawn(move || lines.for_each(drop));
    serde_json::from_str(&text).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_shown_with_what_was_done_to_whom() {
    let it = Installation::new(40, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let person = it.sandbox.admin().with_tenant(|tenant| {
        let people = tenant.user_ids().iter().map(|id| tenant.user(*id).unwrap().into_owned());
        people.into_iter().find(|user| user.role_ids.len() == 2).unwrap()
    });
    let set =
        serde_json::json!({ "status": 2, "role_ids": [person.role_ids[0]], "lastname": "New" });
    it.sandbox.admin().update_user(person.id, set).unwrap();
    it.expect(0, &["sync", "OneLogin"]).await;

    let shown = it.expect(0, &["run", "show", "2"]).await;
    let name = person.username.unwrap();
    let line = |kind: &str| {
        let line = shown.lines().find(|line| line.contains(kind) && line.contains(&*name));
        line.unwrap_or_else(|| panic!("no {kind} of {name} in\n{shown}")).to_owned()
    };
    assert!(line("deactivate").contains("Suspended"), "{shown}");
    assert!(line("deactivate").contains("active") && line("deactivate").contains("not active"));
    let old = person.lastname.unwrap();
    let words = line("update");
    let (before, after) = words.split_once("last name New").unwrap();
    assert!(before.contains(&format!("last name {old}")), "{shown}");
    assert!(!after.contains("email"), "only what differs: {shown}");
    let lost =
        it.sandbox.admin().with_tenant(|tenant| tenant.roles()[&person.role_ids[1]].name.clone());
    assert!(line("remove-from-group").contains(&lost), "{shown}");

    let all = it.json(0, &["run", "show", "2"]).await;
    let changes = all["changes"].as_array().unwrap();
    let of = |kind: &str| changes.iter().find(|it| it["kind"] == kind).unwrap();
    assert_eq!(of("update")["before"]["last_name"], *old);
    assert_eq!(of("update")["after"]["last_name"], "New");
    assert_eq!(of("deactivate")["after"], serde_json::json!({ "active": false }));
    assert_eq!(of("remove-from-group")["before"], serde_json::json!({ "member": true }));

    let told = it.expect(0, &["user", "explain", "OneLogin", &name]).await;
    assert!(told.contains("Run 2: deactivate, applied"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_that_shrank_says_how_many_are_missing_and_what_to_do() {
    let it = Installation::new(60, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let role = it.sandbox.admin().with_tenant(|tenant| {
        let roles = tenant.roles().values();
        roles.min_by_key(|role| role.members.len()).unwrap().name.clone()
    });
    let required = format!("role:{role}");
    let edit = ["connector", "edit", "OneLogin", "--required-group", &required];
    let told = it.expect(3, &[&edit[..], &["--preview"]].concat()).await;
    assert!(told.contains("46 would fall out of scope: "), "{told}");
    assert!(told.contains("46 accounts would be missing") && !told.contains("matches"), "{told}");
    it.expect(0, &edit).await;
    for command in ["simulate", "sync"] {
        let told = it.expect(3, &[command, "OneLogin"]).await;
        assert!(told.contains("missing, not asked for by id"), "{told}");
        assert!(told.contains("rollcall plan approve"), "{told}");
        assert!(!told.contains("already matches") && !told.contains("plan reject"), "{told}");
    }
    assert!(!it.expect(0, &["plan", "show", "2"]).await.contains("plan reject"));
    let told = it.expect(64, &["plan", "reject", "2", "--reason", "No"]).await;
    assert!(told.contains("so there is nothing to reject"), "{told}");
    // Whoever believes the source is shown next who it is about.
    it.expect(0, &["plan", "approve", "2", "--reason", "One team only"]).await;
    let told = it.expect(3, &["sync", "OneLogin"]).await;
    assert!(told.contains("46 deactivations held"), "{told}");
    assert!(told.contains("have changed: 46 removals are asked about once"), "{told}");
    let told = it.expect(7, &["plan", "approve", "2", "--reason", "Again"]).await;
    assert!(
        told.contains("Plan 2 is superseded. Run 3 proposes something else: plan 3."),
        "{told}"
    );
    let told = it.expect(0, &["plan", "approve", "3", "--reason", "One team only", "--run"]).await;
    assert!(told.contains("46 changes were applied"), "{told}");
    let told = it.expect(0, &["sync", "OneLogin"]).await;
    assert!(told.contains("Everything already matches."), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn two_who_share_a_username_are_explained_as_a_run_decides() {
    let it = Installation::new(30, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let ids = it.sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec());
    let name = it.sandbox.admin().user(ids[3]).unwrap().username.unwrap();
    let set = serde_json::json!({ "username": name.to_uppercase() });
    it.sandbox.admin().update_user(ids[9], set).unwrap();
    it.sandbox.admin().update_user(ids[3], serde_json::json!({ "firstname": "Other" })).unwrap();
    let conflict = format!("{}, {} map to one username", ids[3], ids[9]);
    let simulated = it.expect(0, &["simulate", "OneLogin"]).await;
    assert!(simulated.contains(&conflict), "{simulated}");
    for id in [ids[3], ids[9]] {
        let told = it.expect(0, &["user", "explain", "OneLogin", &id.to_string()]).await;
        assert!(told.contains(&conflict) && !told.contains("~ update"), "{told}");
    }
    it.expect(64, &["user", "explain", "OneLogin", " "]).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_password_can_be_replaced_and_a_bad_flag_is_told_in_json() {
    let it = Installation::new(5, true).await;
    let first = it.json(0, &["target", "rotate-password", "jira"]).await;
    let second = it.json(0, &["target", "rotate-password", "jira"]).await;
    assert_eq!(first["application"], second["application"]);
    assert_ne!(first["password"], second["password"]);

    let told = it.expect(64, &["run", "list", "--bogus", "--json"]).await;
    let told: Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["exit_code"], 64);
    assert!(told["error"].as_str().unwrap().contains("--bogus"), "{told}");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_set_up_and_who_ran_is_on_record() {
    let it = Installation::new(10, true).await;
    it.expect(0, &["sync", "OneLogin"]).await;
    let db = Db::open_sqlite(&it.folder.path().join("rollcall.sqlite")).await.unwrap();
    let entries = audit::after(&db, 0, 9).await.unwrap();
    let told: Vec<_> = entries.iter().map(|it| format!("{} {}", it.noun, it.verb)).collect();
    assert_eq!(told, ["installation create", "connector create", "target create", "run start"]);
    let secret = it.sandbox.client_secret();
    for entry in entries {
        assert_eq!(entry.actor_kind, "command-line");
        assert!(!entry.actor.is_empty() && !entry.origin.is_empty(), "{entry:?}");
        assert!(!format!("{entry:?}").contains(secret), "{entry:?}");
    }
    db.close().await;
}
