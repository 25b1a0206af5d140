//! The database goes away and comes back; the disk is full.

use std::process::{Command, Stdio};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::copy_bidirectional;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::watch;

use super::{ROLLCALL, SLOW, World, end, text};
use crate::databases::Database;

/// A way to a server that can be shut.
pub(super) struct Door {
    port: u16,
    state: Arc<watch::Sender<State>>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Open,
    /// Connections break, and new ones are closed at once.
    Shut,
    /// Connections stay, and nothing comes through.
    Stalled,
}

impl Door {
    /// To `host:port` of a PostgreSQL URL.
    async fn to(url: &str) -> Door {
        let server = address_of(url).to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let port = listener.local_addr().unwrap().port();
        let (state, watched) = watch::channel(State::Open);
        tokio::spawn(async move {
            while let Ok((mut client, _)) = listener.accept().await {
                let mut watched = watched.clone();
                if *watched.borrow_and_update() == State::Shut {
                    continue;
                }
                let mut server = TcpStream::connect(&server).await.unwrap();
                tokio::spawn(async move {
                    loop {
                        let state = *watched.borrow_and_update();
                        match state {
                            State::Shut => return,
                            State::Stalled => drop(watched.changed().await),
                            State::Open => tokio::select! {
                                _ = copy_bidirectional(&mut client, &mut server) => return,
                                _ = watched.changed() => {}
                            },
                        }
                    }
                });
            }
        });
        Door { port, state: Arc::new(state) }
    }

    pub(super) fn shut(&self) {
        self.state.send_replace(State::Shut);
    }

    pub(super) fn open(&self) {
        self.state.send_replace(State::Open);
    }

    pub(super) fn stall(&self) {
        self.state.send_replace(State::Stalled);
    }

    pub(super) fn url_of(&self, url: &str) -> String {
        url.replace(address_of(url), &format!("127.0.0.1:{}", self.port))
    }
}

/// `postgres://user@HOST:PORT/database`
fn address_of(url: &str) -> &str {
    let (_, rest) = url.split_once("://").unwrap();
    let (authority, _) = rest.split_once('/').unwrap();
    authority.rsplit_once('@').map_or(authority, |(_, address)| address)
}

pub(super) async fn world_behind_a_door(latency: Duration) -> (World, Door) {
    let database = Database::new().await;
    let door = Door::to(&database.url).await;
    (World::behind(&door, database, latency).await, door)
}

#[tokio::test(flavor = "multi_thread")]
async fn a_database_that_is_away_for_a_while_does_not_end_a_run() {
    let (world, door) = world_behind_a_door(SLOW).await;
    let run = world.command(&["sync", "OneLogin"]).spawn().unwrap();
    world.until_a_run_is_under_way().await;
    door.shut();
    tokio::time::sleep(SLOW).await;
    door.open();
    let (code, told) = end(run).await;
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(world.statuses().await, ["succeeded"]);
    world.is_in_step().await;
    world.end().await;
}

/// In which moment it goes away is chance. These are before the run reads what it holds, and before it
/// publishes.
#[tokio::test(flavor = "multi_thread")]
async fn a_database_is_waited_for_whatever_the_run_needs_it_for() {
    for moment in ["begun", "decided"] {
        let (world, door) = world_behind_a_door(Duration::ZERO).await;
        let run = world.waiting_at(moment, &["sync", "OneLogin"]).await;
        door.shut();
        run.go_on();
        tokio::time::sleep(SLOW).await;
        door.open();
        let (code, told) = end(run.process).await;
        assert_eq!(code, Some(0), "{moment}: {told}");
        assert_eq!(world.statuses().await, ["succeeded"], "{moment}");
        world.is_in_step().await;
        world.end().await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_run_whose_database_stays_away_fails_and_the_next_one_makes_it_good() {
    let (world, door) = world_behind_a_door(SLOW).await;
    let run = world.command(&["sync", "OneLogin"]).spawn().unwrap();
    world.until_a_run_is_under_way().await;
    door.shut();
    let (code, told) = end(run).await;
    assert_ne!(code, Some(0), "{told}");
    assert!(told.contains("database"), "{told}");
    let told = world.expect(69, &["run", "list"]).await;
    assert!(told.contains("cannot be opened"), "{told}");
    door.open();
    world.sync_when_free().await;
    assert_eq!(world.statuses().await, ["failed", "succeeded"]);
    world.is_in_step().await;
    world.end().await;
}

/// A limit on the size of files is, to SQLite, a disk that is full.
#[tokio::test(flavor = "multi_thread")]
async fn a_full_disk_fails_the_run_and_changes_nothing() {
    let world = World::on_sqlite(Duration::ZERO).await;
    let sync = world.command(&["sync", "OneLogin"]);
    let arguments: Vec<_> = sync.get_args().collect();
    // In blocks of 512 bytes: the database has more already than may be written at its end.
    let mut limited = Command::new("sh");
    limited.args(["-c", "trap '' XFSZ; ulimit -f 64; exec \"$0\" \"$@\"", ROLLCALL]);
    limited.args(arguments).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let output = tokio::task::spawn_blocking(move || limited.output().unwrap()).await.unwrap();
    let told = text(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{told}");
    assert!(told.contains("The database cannot be written") && told.contains("is full."), "{told}");
    assert_eq!(world.json(&["target", "show", "jira"]).await["users"], 0);
    world.sync_when_free().await;
    world.is_in_step().await;
}
