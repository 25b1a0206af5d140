//! Every fault at every call: the whole tenant, or an error that helps.

use std::sync::{Arc, Mutex};
use std::time::Duration;

use futures_util::{StreamExt, stream};
use rollcall::http::Limits;
use sandbox::onelogin::{Fault, Kind, Options, RetryAfter, Sandbox, Shape, Tenant, When};
use serde_json::json;

use super::{
    assert_helpful, assert_whole, assert_whole_or_helpful, connect_with, limits, population, read,
    settings, source, start_with,
};

const TOKEN: &str = "POST /auth/oauth2/v2/token";
const RATE_LIMIT: &str = "GET /auth/rate_limit";
const USERS: &str = "GET /api/2/users";
const ROLES: &str = "GET /api/2/roles";
const GROUPS: &str = "GET /api/1/groups";
const SITES: [&str; 5] = [TOKEN, RATE_LIMIT, USERS, ROLES, GROUPS];

/// Most trials wait most of the time.
const IN_PARALLEL: usize = 80;

/// Small pages, so that a fault can hit the first, one in the middle and the last.
async fn tenant() -> Sandbox {
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 50;
    start_with(Tenant::generate(&population(140)), options).await
}

fn status(status: u16, shape: Shape) -> Kind {
    Kind::Status { status, shape, message: "temporarily unavailable".to_owned() }
}

fn body(text: &str) -> Kind {
    Kind::Body { text: text.to_owned() }
}

fn too_many(retry_after: RetryAfter) -> Kind {
    Kind::TooManyRequests { retry_after }
}

fn drop_key(key: &str, row: Option<usize>) -> Kind {
    Kind::DropKey { key: key.to_owned(), row }
}

fn set_key(key: &str, value: serde_json::Value, row: Option<usize>) -> Kind {
    Kind::SetKey { key: key.to_owned(), value, row }
}

/// Faults that a second try cures.
fn passing() -> Vec<Kind> {
    let mut kinds = vec![
        status(500, Shape::Named),
        status(502, Shape::Html),
        status(503, Shape::Status),
        status(504, Shape::Messages),
        status(408, Shape::Described),
        Kind::HtmlPage { status: 200 },
        Kind::HtmlPage { status: 502 },
        Kind::Unauthorized,
        too_many(RetryAfter::Seconds(0)),
        too_many(RetryAfter::DateIn(0)),
        Kind::InvalidUtf8,
        Kind::StallBeforeHeaders { ms: 4_000 },
        Kind::StallMidBody { after_bytes: 10, ms: 4_000 },
        Kind::SlowBody { bytes_per_second: 10 },
        Kind::Reset { after_bytes: 0 },
        Kind::Reset { after_bytes: 30 },
    ];
    kinds.extend(["", "null", "{}", "7", "\"x\"", "[[]", "[{]"].map(body));
    kinds.extend([1, 5, 20, 40].map(|bytes| Kind::TruncatedJson { bytes }));
    kinds
}

/// Faults that change what is told, or that last.
fn odd() -> Vec<Kind> {
    let mut kinds = vec![
        Kind::Forbidden,
        Kind::RateLimitExceeded,
        Kind::UnknownField { field: "role_ids".to_owned() },
        Kind::Redirect { to: "https://login.example.test/".to_owned() },
        body("[]"),
        Kind::DeepJson { depth: 10_000 },
        Kind::NoPagingHeaders,
        Kind::RepeatedPage,
        Kind::SkippedPage,
        Kind::ReversedRows,
        Kind::DateSkew { seconds: 86_400 },
        Kind::DateSkew { seconds: -86_400 },
        status(400, Shape::Html),
        status(404, Shape::Named),
        status(422, Shape::Named),
        too_many(RetryAfter::Seconds(1_000_000)),
        too_many(RetryAfter::DateIn(-60)),
        too_many(RetryAfter::Text("soon".to_owned())),
    ];
    kinds.extend([-1, 1, 50, -140, 1_000_000_000].map(|added| Kind::TotalCount { added }));
    for key in ["id", "username", "status", "role_ids", "group_id", "member_of", "name"] {
        kinds.extend([Some(0), Some(3), None].map(|row| drop_key(key, row)));
    }
    for value in [json!(null), json!("x"), json!(true), json!([1, "x", {}]), json!({}), json!(-1)] {
        for key in ["id", "email", "state", "role_ids", "group_id", "member_of", "name"] {
            kinds.extend([Some(0), None].map(|row| set_key(key, value.clone(), row)));
        }
    }
    kinds
}

type Trial = (&'static str, u64, Option<u64>, Kind);

async fn hit((site, nth, times, kind): Trial) -> (String, Sandbox) {
    let what = format!("{site} {nth} {times:?} {kind:?}");
    let sandbox = tenant().await;
    let when = When::nth(site, nth);
    sandbox.admin().inject(Fault { when, times, kind });
    (what, sandbox)
}

async fn hit_always(site: &'static str, kind: Kind) -> (String, Sandbox) {
    hit((site, 1, None, kind)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_fault_that_passes_costs_nothing_but_time() {
    let mut trials = Vec::new();
    for kind in passing() {
        for (site, nth) in [(TOKEN, 1), (RATE_LIMIT, 1), (ROLES, 1), (GROUPS, 1)] {
            trials.push((site, nth, Some(1), kind.clone()));
        }
        trials.extend([1, 2, 4].map(|nth| (USERS, nth, Some(1), kind.clone())));
    }
    // A credential that is refused when it asks for a token is wrong.
    trials.retain(|it| !(it.0 == TOKEN && it.3 == Kind::Unauthorized));
    in_parallel(trials, |trial| async {
        let limits = limits_for(&trial.3);
        let (what, sandbox) = hit(trial).await;
        let source = connect_with(&sandbox, settings(&sandbox), limits);
        let read = source.read(&|_| {}).await.unwrap_or_else(|it| panic!("{what}: {it}"));
        assert_whole(&what, &sandbox, &read);
    })
    .await;
}

/// How fast this machine is must not matter: what answers at last is waited for, and what does not is
/// asked again as often as it takes.
fn limits_for(kind: &Kind) -> Limits {
    let is_slow = matches!(
        kind,
        Kind::StallBeforeHeaders { .. } | Kind::StallMidBody { .. } | Kind::SlowBody { .. }
    );
    if is_slow {
        return Limits { attempts_max: 40, ..limits() };
    }
    let patience = Duration::from_mins(2);
    Limits {
        connect_timeout: patience,
        first_byte_timeout: patience,
        whole_reply_timeout: patience,
        ..limits()
    }
}

/// Runs the trials, many at a time.
async fn in_parallel<F>(trials: Vec<Trial>, run: impl Fn(Trial) -> F)
where
    F: Future<Output = ()> + Send + 'static,
{
    let running = trials.into_iter().map(|trial| tokio::spawn(run(trial)));
    let mut running = stream::iter(running).buffer_unordered(IN_PARALLEL);
    while let Some(ended) = running.next().await {
        ended.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whatever_is_odd_never_makes_a_shorter_list() {
    let mut trials = Vec::new();
    let mut kinds = odd();
    kinds.extend(passing());
    for kind in kinds {
        for times in [Some(1), None] {
            trials.extend(SITES.map(|site| (site, 1, times, kind.clone())));
            trials.extend([2, 4].map(|nth| (USERS, nth, times, kind.clone())));
        }
    }
    let outcomes = Arc::new(Mutex::new((0, 0)));
    in_parallel(trials, |trial| {
        let outcomes = outcomes.clone();
        async move {
            let is_lie = is_lie(&trial.3);
            let (what, sandbox) = hit(trial).await;
            let read = tokio::time::timeout(Duration::from_mins(1), read(&sandbox)).await;
            let read = read.unwrap_or_else(|_| panic!("{what}: never ends"));
            outcomes.lock().unwrap().0 += u32::from(read.is_ok());
            outcomes.lock().unwrap().1 += u32::from(read.is_err());
            if !is_lie {
                assert_whole_or_helpful(&what, &sandbox, read);
            } else if let Ok(read) = read {
                // Nobody can be missing all the same.
                assert_eq!(read.records.len() + read.unreadable.len(), 140, "{what}");
            }
        }
    })
    .await;
    let (whole, refused) = *outcomes.lock().unwrap();
    assert!(500 < whole && 200 < refused, "{whole} whole, {refused} refused: the faults hit");
}

/// Another value that is as good as the true one: nobody can tell that from the answer.
fn is_lie(kind: &Kind) -> bool {
    let Kind::SetKey { key, value, .. } = kind else { return false };
    match key.as_str() {
        "email" | "member_of" | "name" => !value.is_object() && !value.is_boolean(),
        "state" => value.is_null() || value.is_number(),
        "role_ids" | "group_id" => value.is_null(),
        _ => false,
    }
}

#[tokio::test]
async fn one_row_that_cannot_be_read_stops_nobody_else() {
    for (kind, field) in [
        (drop_key("role_ids", Some(2)), "role_ids"),
        (drop_key("email", Some(2)), "email"),
        (set_key("email", json!({}), Some(2)), "email"),
        (set_key("role_ids", json!("x"), Some(2)), "role_ids"),
    ] {
        let (what, sandbox) = hit_always(USERS, kind).await;
        let read = read(&sandbox).await.unwrap_or_else(|it| panic!("{what}: {it}"));
        assert_whole(&what, &sandbox, &read);
        // Row 2 of each of the three pages.
        assert_eq!((read.unreadable.len(), read.findings.len()), (3, 3), "{what}");
        assert!(read.findings[0].message.contains(field), "{what}: {:?}", read.findings[0]);
        assert_eq!(read.findings[0].kind.word(), "unreadable");
    }
}

#[tokio::test]
async fn a_row_without_an_id_is_counted_and_told_of() {
    let (what, sandbox) = hit_always(USERS, drop_key("id", Some(1))).await;
    let read = read(&sandbox).await.unwrap();
    assert_whole(&what, &sandbox, &read);
    assert_eq!((read.proof.without_id, read.findings.len()), (3, 3));
    assert_eq!(read.findings[0].id, None);
}

#[tokio::test]
async fn a_key_that_nobody_has_is_no_list_without_groups() {
    for key in ["role_ids", "member_of", "group_id", "email", "status"] {
        let (_, sandbox) = hit_always(USERS, drop_key(key, None)).await;
        let error = read(&sandbox).await.unwrap_err();
        assert!(error.is_incomplete(), "{error}");
        assert!(error.to_string().contains(&format!("nobody's \"{key}\"")), "{error}");
    }
}

#[tokio::test]
async fn each_lasting_fault_has_a_sentence_of_its_own() {
    let elsewhere = || Kind::Redirect { to: "https://x.test/".to_owned() };
    for (site, kind, part) in [
        (TOKEN, Kind::Unauthorized, "refused the Client ID or Client Secret (401)"),
        (TOKEN, status(500, Shape::Status), "admin who made the credential"),
        (TOKEN, elsewhere(), "redirects are refused"),
        (RATE_LIMIT, Kind::Unauthorized, "refused a fresh token twice (401)"),
        (USERS, Kind::Unauthorized, "may not read users (401"),
        (USERS, Kind::Forbidden, "may not read users (403"),
        (USERS, Kind::HtmlPage { status: 200 }, "got a web page titled"),
        (
            USERS,
            Kind::UnknownField { field: "member_of".to_owned() },
            "Turn off \"groups from member_of\"",
        ),
        (USERS, too_many(RetryAfter::Seconds(7_000)), "asks to wait 1 h 57 min"),
        (USERS, Kind::NoPagingHeaders, "does not announce a total"),
        (USERS, elsewhere(), "redirects are refused"),
        (USERS, Kind::HugeBody { bytes: 17 << 20 }, "larger than 16 MiB"),
        (USERS, Kind::GzipBomb { bytes: 64 << 20 }, "larger than 16 MiB"),
        (ROLES, Kind::GzipBomb { bytes: 64 << 20 }, "larger than 16 MiB"),
        (TOKEN, Kind::GzipBomb { bytes: 64 << 20 }, "larger than 16 MiB"),
        (USERS, Kind::Reset { after_bytes: 9 }, "broke before the reply was complete"),
        (USERS, Kind::TruncatedJson { bytes: 9 }, "broke off in the middle"),
        (USERS, Kind::StallBeforeHeaders { ms: 4_000 }, "the first byte"),
        (USERS, status(503, Shape::Described), "brings status 503"),
    ] {
        let (what, sandbox) = hit_always(site, kind).await;
        let error = read(&sandbox).await.expect_err(&what);
        assert_helpful(&what, &error);
        assert!(error.to_string().contains(part), "{what}: {error}");
    }
}

#[tokio::test]
async fn a_list_of_names_that_is_refused_is_read_by_the_other_version() {
    for site in [ROLES, GROUPS] {
        for kind in [Kind::Forbidden, Kind::Unauthorized, status(404, Shape::Named)] {
            let (what, sandbox) = hit_always(site, kind).await;
            let read = read(&sandbox).await.unwrap_or_else(|it| panic!("{what}: {it}"));
            assert_whole(&what, &sandbox, &read);
        }
    }
}

#[tokio::test]
async fn names_that_cannot_be_read_are_no_read_without_groups() {
    for (one, other, part) in [
        (ROLES, "GET /api/1/roles", "may not read roles"),
        (GROUPS, "GET /api/2/groups", "may not read groups"),
    ] {
        let (_, sandbox) = hit_always(one, Kind::Forbidden).await;
        sandbox.admin().inject(Fault::always(When::next(other), Kind::Forbidden));
        let error = read(&sandbox).await.unwrap_err();
        assert!(error.to_string().contains(part), "{error}");
    }
}

#[tokio::test]
async fn a_revoked_token_is_renewed_once() {
    let sandbox = tenant().await;
    read(&sandbox).await.unwrap();
    sandbox.admin().reset_ledger();
    sandbox.admin().revoke_token();
    let read = read(&sandbox).await.unwrap();
    assert_whole("revoked", &sandbox, &read);
    assert_eq!(sandbox.admin().calls(TOKEN).good, 1);
}

#[tokio::test]
async fn a_token_that_is_almost_used_up_still_reads() {
    let sandbox = tenant().await;
    sandbox.admin().age_token(30);
    let source = source(&sandbox);
    let read = source.read(&|_| {}).await.unwrap();
    assert_whole("aged", &sandbox, &read);
}

#[tokio::test]
async fn errors_carry_the_id_of_the_request() {
    let (_, sandbox) = hit_always(USERS, Kind::Forbidden).await;
    let error = read(&sandbox).await.unwrap_err().to_string();
    assert!(error.contains("(x-request-id "), "{error}");
}
