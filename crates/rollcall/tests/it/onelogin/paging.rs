//! Pages: their size, their order, and what happens to the list meanwhile.

use std::sync::Mutex;

use rollcall::source::onelogin::report::Progress;
use sandbox::onelogin::{Command, Options, OverMax, PageItems, Tenant, User, When};

use super::{assert_whole, population, read, source, start, start_with};

const USERS: &str = "GET /api/2/users";

#[tokio::test]
async fn a_whole_tenant_is_read_with_one_call_for_each_page() {
    let sandbox = start(2_345).await;
    let source = source(&sandbox);
    let read = source.read(&|_| {}).await.unwrap();
    assert_whole("quiet", &sandbox, &read);
    assert_eq!((read.proof.pages, read.proof.page_size, read.proof.distinct), (3, 1000, 2345));
    assert_eq!(read.findings, []);
    let calls = source.calls();
    let expected = [
        ("GET /api/1/groups", 1),
        ("GET /api/2/roles", 1),
        ("GET /api/2/users", 3),
        ("GET /auth/rate_limit", 1),
        ("POST /auth/oauth2/v2/token", 1),
    ];
    assert_eq!(calls.by_endpoint.into_iter().collect::<Vec<_>>(), expected);
    assert_eq!(calls.retries, 0);
    let ledger = sandbox.admin().ledger();
    for (endpoint, count) in expected {
        assert_eq!(ledger[endpoint].good, count, "{endpoint}");
    }
}

#[tokio::test]
async fn names_and_the_token_are_not_asked_for_again_in_the_same_process() {
    let sandbox = start(100).await;
    read(&sandbox).await.unwrap();
    sandbox.admin().reset_ledger();
    let source = source(&sandbox);
    source.read(&|_| {}).await.unwrap();
    let ledger: Vec<_> = sandbox.admin().ledger().into_keys().collect();
    assert_eq!(ledger, ["GET /api/2/users", "GET /auth/rate_limit"]);
}

#[tokio::test]
async fn an_empty_tenant_is_a_complete_read_of_nobody() {
    let sandbox = start_with(Tenant::empty(), Options::quiet(7)).await;
    let read = read(&sandbox).await.unwrap();
    assert_eq!((read.records.len(), read.seen, read.proof.announced_last), (0, 0, 0));
}

#[tokio::test]
async fn the_page_size_adapts_to_whatever_the_tenant_takes() {
    for over_max in [OverMax::Clamp, OverMax::BadRequest, OverMax::Unprocessable] {
        for page_items in [PageItems::Limit, PageItems::Count] {
            for max in [1000, 100, 50] {
                for users in [0, 1, 50, 99, 100, 101, 230] {
                    let mut options = Options::quiet(7);
                    options.quirks.over_max = over_max;
                    options.quirks.page_items = page_items;
                    options.quirks.users_page_max = max;
                    options.quirks.roles_page_max = max.min(650);
                    let what = format!("{over_max:?} {page_items:?} {max} {users}");
                    let tenant = Tenant::generate(&population(users));
                    let sandbox = start_with(tenant, options).await;
                    let read = read(&sandbox).await.unwrap_or_else(|it| panic!("{what}: {it}"));
                    assert_whole(&what, &sandbox, &read);
                    let calls = sandbox.admin().calls(USERS);
                    assert_eq!(calls.good, u64::from(users.div_ceil(max).max(1)), "{what}");
                    sandbox.stop().await;
                }
            }
        }
    }
}

#[tokio::test]
async fn a_page_size_that_was_found_out_is_asked_for_the_next_time() {
    let mut options = Options::quiet(7);
    options.quirks.over_max = OverMax::Unprocessable;
    options.quirks.users_page_max = 100;
    let sandbox = start_with(Tenant::generate(&population(250)), options).await;
    read(&sandbox).await.unwrap();
    sandbox.admin().reset_ledger();
    read(&sandbox).await.unwrap();
    let calls = sandbox.admin().calls(USERS);
    assert_eq!((calls.good, calls.faulty), (3, 0));
}

fn delete(id: i64) -> Command {
    Command::DeleteUser { id }
}

#[tokio::test]
async fn whoever_is_deleted_between_two_pages_hides_nobody() {
    for page in 1..=4 {
        let mut options = Options::quiet(7);
        options.quirks.users_page_max = 50;
        let sandbox = start_with(Tenant::generate(&population(230)), options).await;
        let ids = sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec());
        let commands = vec![delete(ids[3]), delete(ids[60]), delete(ids[229])];
        sandbox.admin().after(When::page(USERS, page), commands);
        let read = read(&sandbox).await.unwrap();
        assert_whole(&format!("deleted after page {page}"), &sandbox, &read);
        assert_eq!((read.seen, read.proof.walks), (227, 2), "page {page}");
    }
}

#[tokio::test]
async fn a_list_that_shrinks_each_time_is_incomplete() {
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 50;
    let sandbox = start_with(Tenant::generate(&population(230)), options).await;
    let ids = sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec());
    for (nth, id) in (1..40).zip(&ids) {
        sandbox.admin().after(When::nth(USERS, nth), vec![delete(*id)]);
    }
    let error = read(&sandbox).await.unwrap_err();
    assert!(error.is_incomplete(), "{error}");
    assert!(error.to_string().contains("changed each time it was read"), "{error}");
}

#[tokio::test]
async fn whoever_is_created_meanwhile_is_read_at_the_end_of_the_list() {
    for (users, page) in [(230, 1), (230, 3), (230, 4), (250, 2), (49, 1), (50, 1), (200, 3)] {
        let mut options = Options::quiet(7);
        options.quirks.users_page_max = 50;
        let sandbox = start_with(Tenant::generate(&population(users)), options).await;
        let create = |name: &str| Command::CreateUser {
            user: Box::new(User { username: Some(name.to_owned().into()), ..User::active() }),
        };
        let commands = (0..60).map(|it| create(&format!("new{it}"))).collect();
        sandbox.admin().after(When::page(USERS, page), commands);
        let read = read(&sandbox).await.unwrap();
        let is_late = read.proof.distinct == users as usize;
        if !is_late {
            assert_whole(&format!("{users} users, created after page {page}"), &sandbox, &read);
            assert_eq!(read.proof.walks, 1, "{users} {page}: {}", read.proof);
        }
    }
}

#[tokio::test]
async fn progress_tells_of_the_strategy_of_names_and_of_every_page() {
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 100;
    let sandbox = start_with(Tenant::generate(&population(450)), options).await;
    let told = Mutex::new(Vec::new());
    source(&sandbox).read(&|it| told.lock().unwrap().push(it)).await.unwrap();
    let told = told.into_inner().unwrap();
    let strategy = "Everybody: 450 people on 5 pages of 100.".to_owned();
    assert!(told.contains(&Progress::Strategy(strategy)), "{told:?}");
    assert!(told.contains(&Progress::Names { what: "roles", names: 12 }), "{told:?}");
    assert_eq!(told.last(), Some(&Progress::Pages { done: 5, total: 5, people: 450 }));
}

#[tokio::test]
async fn a_flood_that_brings_502_is_slowed_down() {
    let mut options = Options::quiet(7);
    options.quirks.users_page_max = 50;
    options.quirks.in_flight_max = Some(1);
    options.latency = std::time::Duration::from_millis(3);
    let sandbox = start_with(Tenant::generate(&population(900)), options).await;
    let read = read(&sandbox).await.unwrap();
    assert_whole("one call at a time", &sandbox, &read);
}

#[tokio::test]
async fn without_version_2_whoever_is_missing_is_asked_for_by_version_1() {
    use reconcile::plan::Absence;
    use reconcile::principal::ExternalId;
    use sandbox::onelogin::{Fault, Kind, Shape};
    let sandbox = start(30).await;
    let message = "No Route Exists".to_owned();
    let no_route = Kind::Status { status: 404, shape: Shape::Status, message };
    sandbox.admin().inject(Fault::always(When::next(USERS), no_route));
    let ids = sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec());
    sandbox.admin().delete_user(ids[4]).unwrap();
    let source = source(&sandbox);
    source.read(&|_| {}).await.unwrap();
    let asked = [ids[4], ids[5]].map(|id| ExternalId::new(&id.to_string()));
    let answers = source.gone(&asked).await.unwrap();
    assert_eq!(answers[&asked[0]], Absence::Gone);
    assert_eq!(answers[&asked[1]], Absence::Present);
    assert_eq!(sandbox.admin().calls("GET /api/1/users/{id}").good, 2);
}

#[tokio::test]
async fn without_version_2_everybody_is_read_by_version_1() {
    use sandbox::onelogin::{Fault, Kind, Shape};
    let sandbox = start(230).await;
    let message = "No Route Exists".to_owned();
    let no_route = Kind::Status { status: 404, shape: Shape::Status, message };
    sandbox.admin().inject(Fault::always(When::next(USERS), no_route));
    let read = read(&sandbox).await.unwrap();
    assert_whole("version 1", &sandbox, &read);
    assert!(read.strategy.contains("version 1"), "{}", read.strategy);
    // Five pages of fifty, and the end once more.
    assert_eq!(sandbox.admin().calls("GET /api/1/users").good, 6);
}
