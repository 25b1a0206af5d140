//! Services that run connectors by themselves: two on one database, killed, stopped, and without
//! a database or a disk for a while.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};

use serde_json::Value;

use super::bad_days::world_behind_a_door;
use super::{ROLLCALL, SLOW, World, end, send};

struct Service {
    child: Child,
    address: SocketAddr,
}

/// Every other second.
const OFTEN: &str = "0/2 * * * * ?";

impl World {
    async fn schedule(&self, expression: &str) {
        self.expect(0, &["connector", "edit", "OneLogin", "--schedule", expression]).await;
    }

    /// Starts a service and waits until it listens.
    async fn serve(&self) -> Service {
        let mut command = self.command(&["serve", "--listen", "127.0.0.1:0", "--json"]);
        command.env("ROLLCALL_LOG", "info");
        started(command).await
    }

    async fn runs(&self) -> Vec<Value> {
        let listed = self.json(&["run", "list", "--limit", "500"]).await;
        listed["runs"].as_array().unwrap().iter().rev().cloned().collect()
    }

    async fn health(&self) -> Value {
        self.json(&["connector", "show", "OneLogin"]).await["health"].clone()
    }
}

async fn started(mut command: Command) -> Service {
    let mut child = command.spawn().unwrap();
    let mut stdout = BufReader::new(child.stdout.take().unwrap());
    tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        while !text.ends_with("}\n") {
            assert_ne!(stdout.read_line(&mut text).unwrap(), 0, "no answer: {text}");
        }
        let answer: Value = serde_json::from_str(&text).unwrap();
        let address = answer["listening"].as_str().unwrap().strip_prefix("http://").unwrap();
        Service { child, address: address.parse().unwrap() }
    })
    .await
    .unwrap()
}

impl Service {
    async fn stop(self) -> (Duration, String) {
        send(&self.child, "-TERM");
        let began = Instant::now();
        let (code, logs) = end(self.child).await;
        assert_eq!(code, Some(0), "{logs}");
        (began.elapsed(), logs)
    }

    async fn kill(mut self) {
        self.child.kill().unwrap();
        end(self.child).await;
    }
}

fn is(run: &Value, key: &str, value: &str) -> bool {
    run[key].as_str().is_some_and(|it| it == value)
}

/// Which of the two carries out a run is chance; it is killed, and the other one goes on.
#[tokio::test(flavor = "multi_thread")]
async fn killing_one_of_two_services_moves_its_connectors_to_the_other_within_20_seconds() {
    let world = World::on_postgres(SLOW).await;
    world.schedule("0/3 * * * * ?").await;
    let (one, other) = (world.serve().await, world.serve().await);
    world.until_a_run_is_under_way().await;
    let interrupted = world.runs().await.last().unwrap().clone();
    let node = interrupted["node"].as_str().unwrap().to_owned();
    let is_one = node.ends_with(&format!("process {}", one.child.id()));
    let (killed, left) = if is_one { (one, other) } else { (other, one) };
    assert!(node.ends_with(&format!("process {}", killed.child.id())), "{node}");
    let began = Instant::now();
    killed.kill().await;
    let goes_on =
        |run: &Value| is(run, "status", "succeeded") && run["node"].as_str() != Some(node.as_str());
    let id = interrupted["id"].as_i64().unwrap();
    world
        .until(async || {
            world.runs().await.iter().any(|it| id < it["id"].as_i64().unwrap() && goes_on(it))
        })
        .await;
    assert!(began.elapsed() < Duration::from_secs(20), "{:?}", began.elapsed());
    let runs = world.runs().await;
    let dead = runs.iter().find(|it| it["id"] == interrupted["id"]).unwrap();
    assert!(is(dead, "status", "failed"), "{dead}");
    assert!(dead["message"].as_str().unwrap().contains("The schedule takes it up"), "{dead}");
    assert!(runs.iter().any(|it| it["retry_of"] == interrupted["id"]), "it is taken up: {runs:?}");
    left.stop().await;
    let slots: Vec<&str> = runs
        .iter()
        .filter(|it| it["retry_of"].is_null())
        .map(|it| it["slot"].as_str().unwrap())
        .collect();
    let mut distinct = slots.clone();
    distinct.dedup();
    assert_eq!(slots, distinct, "no slot runs twice");
    world.is_in_step().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_stops_in_time_with_a_run_under_way_and_a_request_that_never_ends() {
    let world = World::on_sqlite(SLOW).await;
    world.schedule(OFTEN).await;
    let service = world.serve().await;
    world.until_a_run_is_under_way().await;
    let mut open = TcpStream::connect(service.address).unwrap();
    open.write_all(b"GET /livez HTTP/1.1\r\nhost:").unwrap();
    let (took, logs) = service.stop().await;
    assert!(took < Duration::from_secs(10), "{took:?}\n{logs}");
    let runs = world.runs().await;
    let stopped: Vec<&Value> = runs.iter().filter(|it| is(it, "status", "stopped")).collect();
    assert_eq!(stopped.len(), 1, "{runs:?}");
    assert!(
        is(stopped[0], "message", "Stopped by the end of the service. Nothing was changed."),
        "{runs:?}"
    );
    assert!(runs.iter().all(|it| !it["finished_at"].is_null()), "nothing is left half-done");
    // The next service takes it up.
    let service = world.serve().await;
    let id = &stopped[0]["id"];
    world.until(async || world.runs().await.iter().any(|it| it["retry_of"] == *id)).await;
    world.expect(0, &["connector", "edit", "OneLogin", "--schedule", "off"]).await;
    world.until(async || world.runs().await.iter().all(|it| !it["finished_at"].is_null())).await;
    service.stop().await;
    world.is_in_step().await;
}

/// `ROLLCALL_TEST_LONG=1` kills more often.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_that_is_killed_at_random_goes_on_where_it_was() {
    let kills = if std::env::var_os("ROLLCALL_TEST_LONG").is_some() { 12 } else { 2 };
    let latency = Duration::from_millis(60);
    for world in [World::on_sqlite(latency).await, World::on_postgres(latency).await] {
        world.schedule(OFTEN).await;
        for _ in 0..kills {
            let service = world.serve().await;
            tokio::time::sleep(Duration::from_millis(fastrand::u64(100..2_500))).await;
            service.kill().await;
            let published = world.json(&["target", "show", "jira"]).await["users"].clone();
            assert!(published == 0 || published == super::USERS, "{published}");
        }
        let before = world.runs().await.len();
        let began = Instant::now();
        let service = world.serve().await;
        let is_well = |it: &Value| is(it, "status", "succeeded");
        world.until(async || world.runs().await.iter().skip(before).any(is_well)).await;
        assert!(began.elapsed() < Duration::from_secs(30), "{:?}", began.elapsed());
        service.stop().await;
        world.is_in_step().await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_database_goes_away_goes_on_when_it_is_back() {
    let (world, door) = world_behind_a_door(Duration::ZERO).await;
    world.schedule(OFTEN).await;
    let service = world.serve().await;
    let succeeded = async || {
        let runs = world.runs().await;
        runs.iter().filter(|it| is(it, "status", "succeeded")).count()
    };
    world.until(async || 0 < succeeded().await).await;
    door.shut();
    tokio::time::sleep(Duration::from_secs(4)).await;
    door.open();
    let before = succeeded().await;
    world.until(async || before < succeeded().await).await;
    let health = world.health().await;
    let (_, logs) = service.stop().await;
    assert!(logs.contains("No schedule can be looked at: "), "{logs}");
    assert!(logs.contains("The database is back; schedules go on."), "{logs}");
    assert_eq!(logs.matches("No schedule can be looked at: ").count(), 1, "{logs}");
    assert_eq!(health["word"], "healthy", "{health}");
    world.is_in_step().await;
    world.end().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_database_does_not_answer_stops_in_time_all_the_same() {
    let (world, door) = world_behind_a_door(SLOW).await;
    world.schedule(OFTEN).await;
    let mut service = world.serve().await;
    world.until_a_run_is_under_way().await;
    door.stall();
    // Long enough for the service to be waiting for an answer.
    tokio::time::sleep(Duration::from_secs(2)).await;
    send(&service.child, "-TERM");
    let began = Instant::now();
    while service.child.try_wait().unwrap().is_none() {
        let took = began.elapsed();
        if Duration::from_secs(10) < took {
            service.kill().await;
            panic!("it is still there after {took:?}");
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let (code, logs) = end(service.child).await;
    assert_eq!(code, Some(0), "{logs}");
    assert!(logs.contains("Stopped before all runs and requests had ended."), "{logs}");
    assert!(logs.contains("The database does not answer"), "{logs}");
    door.shut();
    door.open();
    // Nothing is half-done, and what was interrupted is made good.
    world.expect(0, &["connector", "edit", "OneLogin", "--schedule", "off"]).await;
    world.sync_when_free().await;
    world.is_in_step().await;
    world.end().await;
}

/// A limit on the size of files is, to SQLite, a disk that is full.
#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_disk_is_full_lives_and_makes_up_for_it_when_there_is_room() {
    let world = World::on_sqlite(Duration::ZERO).await;
    world.schedule(OFTEN).await;
    let serve = world.command(&["serve", "--listen", "127.0.0.1:0", "--json"]);
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"", ROLLCALL]);
    limited.args(serve.get_args()).env("ROLLCALL_LOG", "info");
    limited.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let service = started(limited).await;
    let address = service.address;
    // The file is full once the first runs have written what they tell.
    let mut ready = String::new();
    for _ in 0..60 {
        tokio::time::sleep(Duration::from_millis(500)).await;
        ready = tokio::task::spawn_blocking(move || get(address, "/readyz")).await.unwrap();
        if ready.contains("503") {
            break;
        }
    }
    assert!(ready.contains("503") && ready.contains("cannot be written"), "{ready}");
    assert_eq!(world.json(&["target", "show", "jira"]).await["users"], 0);
    send(&service.child, "-TERM");
    let (_, logs) = end(service.child).await;
    assert!(logs.contains("The database cannot be written"), "{logs}");
    let service = world.serve().await;
    world.until(async || world.health().await["word"] == "healthy").await;
    service.stop().await;
    world.is_in_step().await;
}

/// Everybody of a tenant with odd data, where much is told about people elsewhere.
#[tokio::test(flavor = "multi_thread")]
async fn logs_name_the_connector_and_the_run_and_no_person() {
    let world = World::with_odd_people().await;
    world.schedule(OFTEN).await;
    let service = world.serve().await;
    let has_two =
        async || world.runs().await.iter().filter(|it| !it["finished_at"].is_null()).count() >= 2;
    world.until(has_two).await;
    // An outage is told as well.
    let kind = sandbox::onelogin::Kind::Unauthorized;
    let when = sandbox::onelogin::When::next("*");
    world.sandbox.admin().inject(sandbox::onelogin::Fault::always(when, kind));
    world.until(async || world.runs().await.iter().any(|it| is(it, "status", "failed"))).await;
    let (_, logs) = service.stop().await;
    // The code for the first sign-in is for a person, and no line of the log.
    let lines = logs.lines().filter(|line| line.starts_with('{'));
    let lines: Vec<Value> = lines.map(|line| serde_json::from_str(line).unwrap()).collect();
    let about_runs: Vec<&Value> = lines.iter().filter(|it| it["run"].is_number()).collect();
    assert!(4 <= about_runs.len(), "{logs}");
    assert!(about_runs.iter().all(|it| it["connector"] == "OneLogin"), "{logs}");
    let names = world.sandbox.admin().with_tenant(|tenant| {
        let ids = tenant.user_ids().to_vec();
        let users = ids.into_iter().filter_map(|id| tenant.user(id));
        let texts = users.flat_map(|user| [user.username.clone(), user.email.clone()]);
        texts
            .flatten()
            .map(std::borrow::Cow::into_owned)
            .filter(|it| 4 < it.len())
            .collect::<Vec<_>>()
    });
    assert!(50 < names.len());
    for name in names {
        assert!(!logs.contains(&name), "{name} is in the log");
    }
}

fn get(address: SocketAddr, path: &str) -> String {
    let mut stream = TcpStream::connect(address).unwrap();
    let request = format!("GET {path} HTTP/1.1\r\nhost: rollcall\r\nconnection: close\r\n\r\n");
    stream.write_all(request.as_bytes()).unwrap();
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
