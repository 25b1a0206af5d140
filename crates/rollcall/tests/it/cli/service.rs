//! `rollcall serve`: says whether it works, and ends when it is asked to.

use std::io::Write;
use std::net::{SocketAddr, TcpStream};
use std::sync::Arc;
use std::time::{Duration, Instant};

use rollcall::store::Db;
use rollcall::web;
use rollcall::web::site::Site;
use serde_json::Value;
use tokio::net::TcpListener;

use super::program::{Home, get};
use crate::databases::on_both;

const SERVE: [&str; 4] = ["serve", "--listen", "127.0.0.1:0", "--json"];

#[test]
fn a_service_is_alive_and_ready_and_ends_when_it_is_asked_to() {
    for signal in ["-TERM", "-INT"] {
        let home = Home::new();
        let service = home.start(&SERVE);
        assert_eq!(service.get("/livez"), "HTTP/1.1 200 OK alive");
        assert_eq!(service.get("/readyz"), "HTTP/1.1 200 OK ready");
        let crowd = service.get("/crowd/rest/usermanagement/1/config/cookie");
        assert!(crowd.starts_with("HTTP/1.1 401"), "{crowd}");
        service.signal(signal);
        let (code, logs) = service.end();
        assert_eq!(code, 0, "{logs}");
        let lines: Vec<Value> =
            logs.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        let [first, last] = &*lines else { panic!("a line for each that happened: {logs}") };
        let code = first["message"].as_str().unwrap();
        assert!(code.starts_with("Set-up code (valid 30 min, one use): "), "{code}");
        let stopping = "Stopping: runs are stopped, requests under way may end.";
        assert_eq!(last["message"], stopping);
        assert!(home.data().join("rollcall.sqlite").exists());
        assert!(!home.data().join("rollcall.sqlite-wal").exists(), "one whole file is left");
    }
}

#[test]
fn a_request_that_never_ends_holds_the_service_up_for_ten_seconds_at_most() {
    let home = Home::new();
    let service = home.start(&SERVE);
    let _open = half_a_request(service.address);
    service.signal("-TERM");
    let began = Instant::now();
    assert_eq!(service.end().0, 0);
    assert!(began.elapsed() < Duration::from_secs(15), "{:?}", began.elapsed());
}

#[test]
fn a_second_signal_ends_the_service_at_once() {
    let home = Home::new();
    let service = home.start(&SERVE);
    let _open = half_a_request(service.address);
    service.signal("-TERM");
    std::thread::sleep(Duration::from_millis(500));
    let began = Instant::now();
    service.signal("-TERM");
    assert_eq!(service.end().0, 0);
    assert!(began.elapsed() < Duration::from_secs(5), "{:?}", began.elapsed());
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_whose_database_is_gone_is_alive_but_not_ready() {
    on_both(async |db| {
        let address = serve(&db).await;
        assert_eq!(ask(address, "/readyz").await, "HTTP/1.1 200 OK ready");
        db.close().await;
        assert_eq!(
            ask(address, "/readyz").await,
            "HTTP/1.1 503 Service Unavailable not ready: the database cannot be written"
        );
        assert_eq!(ask(address, "/livez").await, "HTTP/1.1 200 OK alive");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_is_ready_while_somebody_else_writes() {
    on_both(async |db| {
        let address = serve(&db).await;
        let writer = db.begin().await.unwrap();
        assert_eq!(ask(address, "/readyz").await, "HTTP/1.1 200 OK ready");
        writer.rollback().await.unwrap();
    })
    .await;
}

async fn serve(db: &Db) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let router = web::machines(db, &Arc::new(Site::direct()));
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn ask(address: SocketAddr, path: &'static str) -> String {
    tokio::task::spawn_blocking(move || get(address, path)).await.unwrap()
}

fn half_a_request(address: SocketAddr) -> TcpStream {
    let mut stream = TcpStream::connect(address).unwrap();
    stream.write_all(b"GET /livez HTTP/1.1\r\nhost:").unwrap();
    // Until the service has taken the connection.
    get(address, "/livez");
    stream
}
