//! Runs of real processes: two at once, stopped, frozen and killed, on both databases.

mod alone;
mod bad_days;
mod services;

use std::path::PathBuf;
use std::process::{Child, Command, Output, Stdio};
use std::time::{Duration, Instant};

use sandbox::onelogin::{Data, Options, Population, Sandbox, Tenant};
use serde_json::Value;
use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _, PgConnection};

use self::bad_days::Door;
use crate::databases::Database;

const ROLLCALL: &str = env!("CARGO_BIN_EXE_rollcall");
const USERS: u32 = 60;
/// Long enough to do something meanwhile: a read takes several calls.
const SLOW: Duration = Duration::from_millis(400);
const TRY_LATER: i32 = 75;

/// A connector with a target in a database of its own, and its OneLogin.
struct World {
    folder: tempfile::TempDir,
    sandbox: Sandbox,
    database: Option<Database>,
}

impl World {
    async fn on_sqlite(latency: Duration) -> World {
        World::with(None, latency).await
    }

    async fn on_postgres(latency: Duration) -> World {
        World::with(Some(Database::new().await), latency).await
    }

    /// Everything goes through a door that may be shut.
    async fn behind(door: &Door, database: Database, latency: Duration) -> World {
        let url = door.url_of(&database.url);
        World::with(Some(Database { url, ..database }), latency).await
    }

    /// On SQLite, with people whose data is as odd as it is out there.
    async fn with_odd_people() -> World {
        World::of(Data::Odd, None, Duration::ZERO).await
    }

    async fn with(database: Option<Database>, latency: Duration) -> World {
        World::of(Data::Clean, database, latency).await
    }

    async fn of(data: Data, database: Option<Database>, latency: Duration) -> World {
        let population =
            Population { users: USERS, roles: 6, groups: 2, roles_per_user: 2, seed: 7, data };
        let options = Options { latency, ..Options::quiet(7) };
        let sandbox = sandbox::onelogin::start(Tenant::generate(&population), options).await;
        let sandbox = sandbox.unwrap();
        let world = World { folder: tempfile::tempdir().unwrap(), sandbox, database };
        let secret = world.folder.path().join("secret");
        std::fs::write(&secret, world.sandbox.client_secret()).unwrap();
        world.expect(0, &["init"]).await;
        let (url, id) = (world.sandbox.base_url(), world.sandbox.client_id().to_owned());
        let secret = secret.display().to_string();
        let create = ["connector", "create", "OneLogin", "--base-url", &url, "--client-id", &id];
        let rest = ["--client-secret-file", &secret, "--groups-from", "roles"];
        world.expect(0, &[&create[..], &rest[..]].concat()).await;
        let create = ["target", "create", "jira", "--connector", "OneLogin", "--type", "crowd"];
        world.expect(0, &create).await;
        world
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(ROLLCALL);
        command.args(arguments).arg("--data-dir").arg(self.folder.path()).arg("--allow-loopback");
        if let Some(database) = &self.database {
            command.args(["--database-url", &database.url]);
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        command
    }

    async fn run(&self, arguments: &[&str]) -> Output {
        let mut command = self.command(arguments);
        tokio::task::spawn_blocking(move || command.output().unwrap()).await.unwrap()
    }

    async fn expect(&self, code: i32, arguments: &[&str]) -> String {
        let output = self.run(arguments).await;
        let (out, err) = (text(&output.stdout), text(&output.stderr));
        assert_eq!(output.status.code(), Some(code), "{arguments:?}\n{out}\n{err}");
        format!("{out}{err}")
    }

    async fn json(&self, arguments: &[&str]) -> Value {
        let output = self.run(&[arguments, &["--json"]].concat()).await;
        assert!(output.status.success(), "{arguments:?}\n{}", text(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Begins a command that waits at a [moment](rollcall::run::moment) of its run.
    async fn waiting_at(&self, moment: &str, arguments: &[&str]) -> Waiting {
        let file = self.folder.path().join("waits");
        let mut command = self.command(arguments);
        command.env("ROLLCALL_WAIT_AT", moment).env("ROLLCALL_WAIT_FILE", &file);
        let waiting = Waiting { process: command.spawn().unwrap(), file };
        self.until(async || waiting.file.exists()).await;
        waiting
    }

    /// Freezes a process at a moment at which it does not hold the lock of the file: nobody could take
    /// that away from it. A server does after a while.
    async fn freeze(&self, process: &Child) {
        send(process, "-STOP");
        while self.database.is_none() && !self.is_unlocked().await {
            send(process, "-CONT");
            tokio::time::sleep(Duration::from_millis(20)).await;
            send(process, "-STOP");
        }
    }

    /// What the planner of the server takes for the number of rows of a table.
    async fn rows_known_of(&self, table: &str) -> i64 {
        const SQL: &str = "select cast(greatest(reltuples, 0) as bigint) from pg_class \
             where oid = cast($1 as regclass)";
        let url = &self.database.as_ref().unwrap().url;
        let mut connection = PgConnection::connect(url).await.unwrap();
        let rows = sqlx::query_scalar(SQL).bind(table).fetch_one(&mut connection).await.unwrap();
        connection.close().await.unwrap();
        rows
    }

    async fn is_unlocked(&self) -> bool {
        let file = self.folder.path().join("rollcall.sqlite");
        let file = SqliteConnectOptions::new().filename(file).busy_timeout(Duration::ZERO);
        let mut connection = file.connect().await.unwrap();
        let begun = sqlx::query("begin immediate").execute(&mut connection).await;
        connection.close().await.unwrap();
        begun.is_ok()
    }

    /// The statuses of all runs, the first first.
    async fn statuses(&self) -> Vec<String> {
        let listed = self.json(&["run", "list"]).await;
        let runs = listed["runs"].as_array().unwrap().iter().rev();
        runs.map(|run| run["status"].as_str().unwrap().to_owned()).collect()
    }

    async fn until_a_run_is_under_way(&self) {
        self.until(async || self.statuses().await.last().is_some_and(|it| it == "running")).await;
    }

    async fn until(&self, is_so: impl AsyncFn() -> bool) {
        let began = Instant::now();
        while !is_so().await {
            assert!(began.elapsed() < Duration::from_secs(30), "it never came to that");
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
    }

    /// Syncs as soon as nobody else has the connector. Tells how long that took.
    async fn sync_when_free(&self) -> Duration {
        let began = Instant::now();
        loop {
            let output = self.run(&["sync", "OneLogin"]).await;
            match output.status.code() {
                Some(0) => return began.elapsed(),
                Some(TRY_LATER) => tokio::time::sleep(Duration::from_millis(300)).await,
                _ => panic!("{}{}", text(&output.stdout), text(&output.stderr)),
            }
            assert!(began.elapsed() < Duration::from_secs(40), "the connector stays taken");
        }
    }

    /// Whether the directory is what OneLogin says, and nothing is left to do.
    async fn is_in_step(&self) {
        let target = self.json(&["target", "show", "jira"]).await;
        let users = self.sandbox.admin().with_tenant(|tenant| tenant.user_ids().len());
        assert_eq!(target["users"], users);
        let told = self.expect(0, &["simulate", "OneLogin", "--detailed-exitcode"]).await;
        assert!(told.contains("everything already matches"), "{told}");
    }

    async fn end(self) {
        if let Some(database) = self.database {
            database.drop().await;
        }
    }
}

/// A process that waits until it is told to go on.
struct Waiting {
    process: Child,
    file: PathBuf,
}

impl Waiting {
    fn go_on(&self) {
        std::fs::remove_file(&self.file).unwrap();
    }

    async fn end(self) -> (Option<i32>, String) {
        self.go_on();
        end(self.process).await
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn two_processes_never_run_one_connector_at_once() {
    for world in [World::on_sqlite(SLOW).await, World::on_postgres(SLOW).await] {
        let first = world.command(&["sync", "OneLogin"]).spawn().unwrap();
        world.until_a_run_is_under_way().await;
        let told = world.expect(TRY_LATER, &["sync", "OneLogin"]).await;
        assert!(told.contains("Run 1 of this connector is under way on "), "{told}");
        assert!(told.contains("`rollcall run stop 1`"), "{told}");
        assert_eq!(end(first).await.0, Some(0));
        assert_eq!(world.statuses().await, ["succeeded"]);
        world.is_in_step().await;
        world.end().await;
    }
}

/// Otherwise a page of it is planned as if the tables were as empty as before.
#[tokio::test(flavor = "multi_thread")]
async fn a_server_knows_at_once_how_much_a_large_run_has_written() {
    let world = World::on_postgres(Duration::ZERO).await;
    for number in 0..600 {
        let newcomer = sandbox::onelogin::User {
            username: Some(format!("new.{number}").into()),
            email: Some(format!("new.{number}@acme.test").into()),
            status: 1,
            state: 1,
            ..Default::default()
        };
        let id = world.sandbox.admin().create_user(newcomer).unwrap();
        let role =
            world.sandbox.admin().with_tenant(|tenant| *tenant.roles().keys().next().unwrap());
        world.sandbox.admin().add_role_member(role, id).unwrap();
    }
    world.expect(0, &["simulate", "OneLogin"]).await;
    assert_ne!(world.rows_known_of("plan_changes").await, 0);
    world.expect(0, &["sync", "OneLogin"]).await;
    for table in ["directory_users", "directory_memberships", "run_changes", "run_change_blocks"] {
        assert_ne!(world.rows_known_of(table).await, 0, "{table}");
    }
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_stopped_from_another_process_before_anything_has_changed() {
    for world in [World::on_sqlite(SLOW).await, World::on_postgres(SLOW).await] {
        let run = world.command(&["sync", "OneLogin"]).spawn().unwrap();
        world.until_a_run_is_under_way().await;
        let told = world.expect(0, &["run", "stop", "1"]).await;
        assert!(told.contains("Run 1 stopped. Stopped by "), "{told}");
        assert!(told.contains("Nothing was changed."), "{told}");
        assert_eq!(end(run).await.0, Some(130));
        let shown = world.json(&["run", "show", "1"]).await;
        assert_eq!(shown["report"]["phases"][0]["phase"], "read");
        assert!(0 < shown["report"]["calls"]["total"].as_u64().unwrap());
        assert_eq!(world.json(&["target", "show", "jira"]).await["users"], 0);
        let told = world.expect(64, &["run", "stop", "1"]).await;
        assert!(told.contains("has ended already"), "{told}");

        let told = world.expect(0, &["run", "retry", "1"]).await;
        assert!(told.contains("Run 2 succeeded"), "{told}");
        assert_eq!(world.json(&["run", "show", "2"]).await["retry_of"], 1);
        world.is_in_step().await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_is_stopped_by_the_signals_of_its_own_process() {
    for signal in ["-INT", "-TERM"] {
        let world = World::on_sqlite(SLOW).await;
        let run = world.command(&["sync", "OneLogin"]).spawn().unwrap();
        world.until_a_run_is_under_way().await;
        send(&run, signal);
        let (code, told) = end(run).await;
        assert_eq!(code, Some(130), "{told}");
        assert!(told.contains("Nothing was changed. Recorded as run 1."), "{told}");
        assert_eq!(world.statuses().await, ["stopped"]);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_a_run_tells_is_followed_by_another_process_and_kept() {
    let world = World::on_sqlite(SLOW).await;
    let run = world.command(&["sync", "OneLogin"]).spawn().unwrap();
    world.until_a_run_is_under_way().await;
    let followed = world.expect(0, &["run", "logs", "1", "--follow"]).await;
    assert_eq!(end(run).await.0, Some(0));
    let lines: Vec<&str> = followed.lines().collect();
    for part in ["-- read --", "API calls", "-- apply --", "changes to jira.", "Run 1 succeeded."] {
        assert!(lines.iter().any(|line| line.contains(part)), "{part}: {followed}");
    }
    // Whoever comes later reads the same, from wherever they were.
    assert_eq!(world.expect(0, &["run", "logs", "1"]).await, followed);
    let rest = world.expect(0, &["run", "logs", "1", "--after", "2"]).await;
    assert_eq!(rest.lines().count(), lines.len() - 2);
    let json = world.expect(0, &["run", "logs", "1", "--json"]).await;
    let first: Value = serde_json::from_str(json.lines().next().unwrap()).unwrap();
    assert_eq!((&first["number"], &first["phase"]), (&1.into(), &"read".into()));
}

/// A process that is frozen for longer than it may be silent has lost its connector: when it wakes
/// up, its first write fails, and what another process has done meanwhile stays.
#[tokio::test(flavor = "multi_thread")]
async fn a_frozen_process_that_wakes_up_too_late_writes_nothing() {
    for world in [World::on_sqlite(SLOW).await, World::on_postgres(SLOW).await] {
        let frozen = world.command(&["sync", "OneLogin"]).spawn().unwrap();
        world.until_a_run_is_under_way().await;
        world.freeze(&frozen).await;
        world.sync_when_free().await;
        assert_eq!(world.statuses().await, ["failed", "succeeded"]);
        let ids = world.sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec());
        world.sandbox.admin().delete_user(ids[0]).unwrap();
        let before = world.json(&["target", "show", "jira"]).await;
        send(&frozen, "-CONT");
        let (code, told) = end(frozen).await;
        assert_eq!(code, Some(TRY_LATER), "{told}");
        assert!(told.contains("taken for dead"), "{told}");
        assert_eq!(world.statuses().await, ["failed", "succeeded"]);
        assert_eq!(world.json(&["target", "show", "jira"]).await, before);
        world.end().await;
    }
}

/// It is frozen while it holds locks: the server takes them away after a while. With a file nobody
/// can; there, whoever froze the process has to let it go on or end it. `ROLLCALL_TEST_LONG=1`.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_frozen_within_its_transaction_does_not_block_the_others_for_ever() {
    if std::env::var_os("ROLLCALL_TEST_LONG").is_none() {
        return;
    }
    let world = World::on_postgres(Duration::ZERO).await;
    let mut command = world.command(&["sync", "OneLogin"]);
    let frozen = command.env("ROLLCALL_FREEZE_AT", "published").spawn().unwrap();
    tokio::time::sleep(Duration::from_secs(3)).await;
    world.sync_when_free().await;
    send(&frozen, "-CONT");
    assert_ne!(end(frozen).await.0, Some(0));
    assert_eq!(world.statuses().await, ["failed", "succeeded"]);
    world.is_in_step().await;
    world.end().await;
}

/// The moments are those of `rollcall::run::moment`, in the order in which a run meets them.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_at_any_moment_leaves_all_or_nothing() {
    let moments = ["begun", "decided", "published", "recorded", "committed"];
    let mut checks = tokio::task::JoinSet::new();
    for moment in moments {
        checks
            .spawn(async move { killed_at(World::on_sqlite(Duration::ZERO).await, moment).await });
        checks.spawn(
            async move { killed_at(World::on_postgres(Duration::ZERO).await, moment).await },
        );
    }
    checks.join_all().await;
}

async fn killed_at(world: World, moment: &str) {
    let mut command = world.command(&["sync", "OneLogin"]);
    let killed = command.env("ROLLCALL_KILL_AT", moment).spawn().unwrap();
    assert_eq!(end(killed).await.0, None, "it was to be killed when {moment}");
    let published = world.json(&["target", "show", "jira"]).await["users"].clone();
    if moment == "committed" {
        assert_eq!((published, world.statuses().await), (USERS.into(), vec!["succeeded".into()]));
    } else {
        assert_eq!(published, 0, "{moment}");
    }
    world.sync_when_free().await;
    let first = if moment == "committed" { "succeeded" } else { "failed" };
    assert_eq!(world.statuses().await, [first, "succeeded"], "{moment}");
    if first == "failed" {
        let message = world.json(&["run", "show", "1"]).await["message"].clone();
        assert!(message.as_str().unwrap().ends_with("`rollcall run retry 1`."), "{message}");
    }
    world.is_in_step().await;
    world.end().await;
}

/// `ROLLCALL_TEST_LONG=1` kills more often.
#[tokio::test(flavor = "multi_thread")]
async fn a_process_that_is_killed_at_random_converges_in_one_run() {
    let kills = if std::env::var_os("ROLLCALL_TEST_LONG").is_some() { 40 } else { 4 };
    let mut checks = tokio::task::JoinSet::new();
    for kill in 0..kills {
        let wait = Duration::from_millis(fastrand::u64(20..900));
        let latency = Duration::from_millis(60);
        checks.spawn(async move {
            let world = if kill % 2 == 0 {
                World::on_sqlite(latency).await
            } else {
                World::on_postgres(latency).await
            };
            killed_after(world, wait).await;
        });
        // Not more at once than the machine bears.
        while 8 <= checks.len() {
            checks.join_next().await.unwrap().unwrap();
        }
    }
    checks.join_all().await;
}

async fn killed_after(world: World, wait: Duration) {
    let mut run = world.command(&["sync", "OneLogin"]).spawn().unwrap();
    tokio::time::sleep(wait).await;
    drop(run.kill());
    end(run).await;
    let published = world.json(&["target", "show", "jira"]).await["users"].as_u64().unwrap();
    assert!([0, u64::from(USERS)].contains(&published), "{published} after {wait:?}");
    world.sync_when_free().await;
    world.is_in_step().await;
    world.end().await;
}

async fn end(child: Child) -> (Option<i32>, String) {
    let output = tokio::task::spawn_blocking(move || child.wait_with_output().unwrap());
    let output = output.await.unwrap();
    (output.status.code(), format!("{}{}", text(&output.stdout), text(&output.stderr)))
}

fn send(child: &Child, signal: &str) {
    let sent = Command::new("kill").args([signal, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}
