//! The API calls of the account: never taken below the minimum.

use std::time::Duration;

use rollcall::source::onelogin::error::SourceError;
use rollcall::source::onelogin::report::Calls;
use sandbox::onelogin::{
    Command, Metered, Options, OverLimit, RateLimitCall, Sandbox, Steer, Tenant, When,
};

use super::{assert_whole, connect, population, settings, start_with};

async fn metered(users: u32, calls_per_hour: u32) -> Sandbox {
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 50;
    options.quirks.metered = Metered::Both;
    options.quirks.calls_per_hour = calls_per_hour;
    start_with(Tenant::generate(&population(users)), options).await
}

async fn try_with_minimum(sandbox: &Sandbox, minimum: u32) -> (Result<usize, SourceError>, Calls) {
    let mut settings = settings(sandbox);
    settings.minimum_remaining_api_calls = minimum;
    let source = connect(sandbox, settings);
    let read = source.read(&|_| {}).await;
    if let Ok(read) = &read {
        assert_whole("metered", sandbox, read);
    }
    (read.map(|it| it.records.len()), source.calls())
}

/// Calls that the account has used, by the sandbox's own count.
fn used(sandbox: &Sandbox) -> u64 {
    let free = ["POST /auth/oauth2/v2/token", "GET /auth/rate_limit"];
    let ledger = sandbox.admin().ledger();
    let metered = ledger.iter().filter(|it| !free.contains(&it.0.as_str()));
    metered.map(|it| it.1.good + it.1.faulty).sum()
}

#[tokio::test]
async fn a_run_does_not_start_below_the_minimum_and_says_when_it_could() {
    let sandbox = metered(100, 100).await;
    sandbox.admin().consume(60);
    let (read, calls) = try_with_minimum(&sandbox, 50).await;
    let error = read.unwrap_err();
    assert!(error.is_budget());
    let SourceError::BudgetLow { remaining, minimum, cost, resets_in } = error.clone() else {
        panic!("{error}")
    };
    assert_eq!((remaining, minimum, cost), (40, 50, None));
    assert!(resets_in.is_some_and(|it| it <= Duration::from_hours(1)));
    assert!(error.to_string().contains("The run could start in"), "{error}");
    assert_eq!(used(&sandbox), 0);
    assert_eq!(calls.total(), 2);
}

#[tokio::test]
async fn a_run_that_would_go_below_the_minimum_is_not_begun() {
    // 20 pages, 1 for roles, 1 for groups.
    let sandbox = metered(1_000, 100).await;
    let (read, calls) = try_with_minimum(&sandbox, 80).await;
    let error = read.unwrap_err();
    assert!(error.is_budget(), "{error}");
    assert!(error.to_string().contains("this run needs about 19"), "{error}");
    assert_eq!(calls.predicted, Some(2 + 3 + 19));
    assert_eq!(used(&sandbox), 3);
    let (read, calls) = try_with_minimum(&sandbox, 70).await;
    assert_eq!(read.unwrap(), 1_000);
    // Names and token are known by now.
    assert_eq!((calls.predicted, calls.total()), (Some(21), 21));
    let (before, after) = (calls.budget_before.unwrap(), calls.budget_after.unwrap());
    assert_eq!((before.remaining, after.remaining), (97, 77));
}

#[tokio::test]
async fn others_who_use_up_the_account_meanwhile_stop_the_run_at_the_minimum() {
    use sandbox::onelogin::{Command, Steer, When};
    let sandbox = metered(1_000, 100).await;
    let consume = Command::Steer(Steer::Consume { calls: 60 });
    sandbox.admin().after(When::page("GET /api/2/users", 3), vec![consume]);
    sandbox.admin().set_quirks(|it| it.limit_headers = Metered::Both);
    let (read, _) = try_with_minimum(&sandbox, 30).await;
    let error = read.unwrap_err();
    assert!(error.is_budget(), "{error}");
    let left = 100 - 60 - i64::try_from(used(&sandbox)).unwrap();
    assert!((28..=31).contains(&left), "{left} left, and the two in flight are forgiven");
}

#[tokio::test]
async fn the_question_for_the_allowance_may_count_too() {
    let sandbox = metered(1_000, 60).await;
    sandbox.admin().set_quirks(|it| it.rate_limit_call = RateLimitCall::Counted);
    let (read, _) = try_with_minimum(&sandbox, 20).await;
    assert_eq!(read.unwrap(), 1_000);
}

#[tokio::test]
async fn an_account_that_is_used_up_by_others_is_waited_for_only_so_long() {
    for over_limit in [OverLimit::TooManyRequests, OverLimit::BadRequest] {
        let sandbox = metered(1_000, 100).await;
        sandbox.admin().set_quirks(|it| it.over_limit = over_limit);
        let consume = Command::Steer(Steer::Consume { calls: 100 });
        sandbox.admin().after(When::page("GET /api/2/users", 2), vec![consume]);
        let (read, _) = try_with_minimum(&sandbox, 0).await;
        let error = read.unwrap_err();
        assert!(error.is_budget(), "{over_limit:?}: {error}");
        assert!(error.to_string().contains("asks to wait"), "{over_limit:?}: {error}");
    }
}
