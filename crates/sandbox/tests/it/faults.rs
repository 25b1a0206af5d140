use std::time::{Duration, Instant};

use sandbox::onelogin::{Fault, Kind, RetryAfter, Sandbox, Shape, When};
use serde_json::{Value, json};

use crate::client::{Client, Reply, USERS, start};

async fn struck(kind: Kind) -> (Sandbox, reqwest::Result<Reply>) {
    let sandbox = start(30).await;
    let client = Client::of(&sandbox).await;
    sandbox.admin().inject(Fault::once(When::next(USERS), kind));
    let path = "/api/2/users?limit=10&page=2&fields=id,email,role_ids";
    let reply = client.try_get(path).await;
    let calls = sandbox.admin().calls(USERS);
    assert_eq!((calls.good, calls.faulty), (0, 1));
    assert_eq!(client.get(path).await.ids().len(), 10, "the next call is good again");
    (sandbox, reply)
}

async fn reply(kind: Kind) -> Reply {
    struck(kind).await.1.unwrap()
}

#[tokio::test]
async fn errors_come_in_five_shapes() {
    let shapes = [
        (Shape::Named, json!({"name": "InternalServerError", "message": "no", "statusCode": 500})),
        (
            Shape::Described,
            json!({"status": 500, "error": "InternalServerError", "description": "no"}),
        ),
        (
            Shape::Status,
            json!({"status": {"error": true, "code": 500, "type": "error", "message": "no"}}),
        ),
        (Shape::Messages, json!({"messages": ["no"]})),
    ];
    for (shape, expected) in shapes {
        let reply = reply(Kind::Status { status: 500, shape, message: "no".to_owned() }).await;
        assert_eq!((reply.status, reply.json()), (500, expected));
        assert!(reply.header("x-request-id").is_some());
    }
    let html = Kind::Status { status: 500, shape: Shape::Html, message: "no".to_owned() };
    assert!(reply(html).await.body.starts_with(b"<!DOCTYPE html>"));
}

#[tokio::test]
async fn an_html_page_can_come_with_any_status() {
    for status in [200, 400, 502] {
        let reply = reply(Kind::HtmlPage { status }).await;
        assert_eq!(reply.status, status);
        assert!(reply.header("content-type").unwrap().starts_with("text/html"));
        assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
    }
}

#[tokio::test]
async fn refusals_say_what_the_api_says() {
    let refused = reply(Kind::Unauthorized).await;
    assert_eq!((refused.status, &refused.json()["name"]), (401, &json!("UnauthorizedError")));
    assert_eq!(reply(Kind::Forbidden).await.status, 403);
    let unknown = reply(Kind::UnknownField { field: "company".to_owned() }).await;
    assert_eq!((unknown.status, &unknown.json()["field"]), (422, &json!("company")));
    let limited = reply(Kind::RateLimitExceeded).await;
    assert_eq!(limited.status, 400);
    assert_eq!(limited.json()["status"]["message"], "rate_limit_exceeded");
    let moved = reply(Kind::Redirect { to: "http://other.test/".to_owned() }).await;
    assert_eq!((moved.status, moved.header("location")), (302, Some("http://other.test/")));
}

#[tokio::test]
async fn too_many_requests_come_with_any_retry_after() {
    let cases = [
        (RetryAfter::Absent, None),
        (RetryAfter::Seconds(3), Some("3")),
        (RetryAfter::Text("soon".to_owned()), Some("soon")),
        (RetryAfter::Seconds(u64::MAX), Some("18446744073709551615")),
    ];
    for (retry_after, expected) in cases {
        let reply = reply(Kind::TooManyRequests { retry_after }).await;
        assert_eq!((reply.status, reply.header("retry-after")), (429, expected));
    }
    let dated = reply(Kind::TooManyRequests { retry_after: RetryAfter::DateIn(-60) }).await;
    assert!(dated.header("retry-after").unwrap().ends_with("GMT"));
    assert_ne!(dated.header("retry-after"), dated.header("date"));
}

#[tokio::test]
async fn a_body_can_be_anything() {
    for text in ["", "null", "{}", "[]"] {
        let reply = reply(Kind::Body { text: text.to_owned() }).await;
        assert_eq!((reply.status, reply.body.as_slice()), (200, text.as_bytes()));
    }
    assert!(String::from_utf8(reply(Kind::InvalidUtf8).await.body).is_err());
    assert!(reply(Kind::DeepJson { depth: 9_000 }).await.body.starts_with(&[b'['; 9_000]));
    assert_eq!(reply(Kind::HugeBody { bytes: 3_000_000 }).await.body.len(), 3_000_000);
}

#[tokio::test]
async fn a_small_gzip_body_grows_without_bounds() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    let bomb = Kind::GzipBomb { bytes: 20_000_000 };
    sandbox.admin().inject(Fault::once(When::next(USERS), bomb));
    let mut response = client.send("/api/2/users").await.unwrap();
    let mut bytes = 0;
    // The check sum is wrong: whoever reads to the end meets an error there.
    while let Ok(Some(chunk)) = response.chunk().await {
        assert!(chunk.iter().all(|it| *it == b' '));
        bytes += chunk.len();
    }
    assert!((19_900_000..=20_000_000).contains(&bytes), "{bytes}");
}

#[tokio::test]
async fn several_faults_hit_one_call() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    let gateway = Kind::Status { status: 504, shape: Shape::Html, message: "late".to_owned() };
    for kind in [Kind::StallBeforeHeaders { ms: 150 }, gateway] {
        sandbox.admin().inject(Fault::once(When::next(USERS), kind));
    }
    let start = Instant::now();
    assert_eq!(client.get("/api/2/users").await.status, 504);
    assert!(Duration::from_millis(150) <= start.elapsed());
    assert_eq!(client.get("/api/2/users").await.status, 200);
}

#[tokio::test]
async fn a_cut_answer_is_whole_for_http_and_broken_as_json() {
    let reply = reply(Kind::TruncatedJson { bytes: 40 }).await;
    assert_eq!((reply.status, reply.body.len()), (200, 40));
    assert!(serde_json::from_slice::<Value>(&reply.body).is_err());
}

#[tokio::test]
async fn a_reset_ends_the_connection_before_the_promised_length() {
    for after_bytes in [0, 40, usize::MAX] {
        let (_sandbox, reply) = struck(Kind::Reset { after_bytes }).await;
        assert!(reply.is_err());
    }
}

#[tokio::test]
async fn stalls_delay_the_headers_or_the_rest_of_the_body() {
    let kinds = [
        Kind::StallBeforeHeaders { ms: 150 },
        Kind::StallMidBody { after_bytes: 5, ms: 150 },
        Kind::SlowBody { bytes_per_second: 4_000 },
    ];
    for kind in kinds {
        let start = Instant::now();
        assert_eq!(reply(kind).await.ids().len(), 10);
        assert!(Duration::from_millis(150) <= start.elapsed());
    }
}

#[tokio::test]
async fn paging_headers_can_be_missing_or_lie() {
    let silent = reply(Kind::NoPagingHeaders).await;
    assert_eq!((silent.header("total-count"), silent.header("page-items")), (None, None));
    assert_eq!(silent.ids().len(), 10);
    let lying = reply(Kind::TotalCount { added: -3 }).await;
    assert_eq!(lying.header("total-count"), Some("27"));
}

#[tokio::test]
async fn a_page_can_be_repeated_skipped_or_turned_around() {
    let (sandbox, repeated) = struck(Kind::RepeatedPage).await;
    let everybody = sandbox.admin().with_tenant(|it| it.user_ids().to_vec());
    let repeated = repeated.unwrap();
    assert_eq!(repeated.ids(), everybody[..10]);
    assert_eq!(repeated.header("current-page"), Some("2"));
    assert_eq!(reply(Kind::SkippedPage).await.ids(), everybody[20..]);
    let mut turned = reply(Kind::ReversedRows).await.ids();
    turned.reverse();
    assert_eq!(turned, everybody[10..20]);
}

#[tokio::test]
async fn rows_lose_keys_or_get_values_of_another_type() {
    let key = || "role_ids".to_owned();
    let all = reply(Kind::DropKey { key: key(), row: None }).await.json();
    assert!(all.as_array().unwrap().iter().all(|it| it.get("role_ids").is_none()));
    let one = reply(Kind::DropKey { key: "id".to_owned(), row: Some(4) }).await.json();
    assert!(one[4].get("id").is_none() && one[3].get("id").is_some());
    let value = json!({"not": "a list"});
    let odd = reply(Kind::SetKey { key: key(), value: value.clone(), row: Some(0) }).await.json();
    assert!(odd[0]["role_ids"] == value && odd[1]["role_ids"] != value);
}

#[tokio::test]
async fn the_date_can_be_off() {
    let straight = reply(Kind::DateSkew { seconds: 0 }).await;
    let skewed = reply(Kind::DateSkew { seconds: 86_400 * 400 }).await;
    let year = |it: &Reply| it.header("date").unwrap()[12..16].parse::<i32>().unwrap();
    assert!(year(&straight) < year(&skewed));
}

#[tokio::test]
async fn faults_count_calls_and_end() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    let when = When::nth(USERS, 2);
    sandbox.admin().inject(Fault { when, times: Some(2), kind: Kind::HtmlPage { status: 502 } });
    let mut statuses = Vec::new();
    for _ in 0..5 {
        statuses.push(client.get("/api/2/users").await.status);
        assert_eq!(client.get("/api/2/roles").await.status, 200);
    }
    assert_eq!(statuses, [200, 502, 502, 200, 200]);
    sandbox.admin().inject(Fault::always(When::next("*"), Kind::Unauthorized));
    assert_eq!(client.get("/api/2/roles").await.status, 401);
    assert_eq!(client.get("/api/1/groups").await.status, 401);
    sandbox.admin().clear_faults();
    assert_eq!(client.get("/api/2/roles").await.status, 200);
}

#[tokio::test]
async fn too_many_requests_at_once_meet_502() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    let stall = Kind::StallBeforeHeaders { ms: 1_500 };
    sandbox.admin().inject(Fault { when: When::next(USERS), times: Some(2), kind: stall });
    sandbox.admin().set_quirks(|it| it.in_flight_max = Some(2));
    let late = async {
        tokio::time::sleep(Duration::from_millis(500)).await;
        client.get("/api/2/users").await
    };
    let (one, two, three) =
        tokio::join!(client.get("/api/2/users"), client.get("/api/2/users"), late);
    assert_eq!((one.status, two.status, three.status), (200, 200, 502));
    assert_eq!(client.get("/api/2/users").await.status, 200);
}
