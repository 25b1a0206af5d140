//! Accounts: made, changed, ended; from pages and from the command line alike.

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use rollcall::secret::Secret;
use rollcall::store::Db;
use rollcall::store::accounts::{self, AccountError, Edit, NewAccount, Role};
use rollcall::store::audit::actor::Actor;
use rollcall::store::audit::{self, Filter};
use rollcall::store::sessions::{
    self, AGE_MAX, IDLE_MAX, Origin, PROOF_MAX, Purpose, Redeemed, SessionId,
};

use super::browser::{Browser, PASSWORD, Service, account};
use super::world::{CONNECTOR, World};
use crate::databases::on_both;

const ORIGIN: Origin<'_> = Origin { address: "1.1.1.1", program: "test" };

fn admin() -> Actor {
    Actor::command_line("root", "here")
}

async fn verbs(db: &Db) -> Vec<String> {
    let filter = Filter { noun: "account".to_owned(), ..Filter::default() };
    let entries = audit::list(db, &filter, None, 100).await.unwrap();
    let told = |it: audit::Recorded| format!("{} {} {}", it.actor, it.verb, it.object_name);
    entries.into_iter().rev().map(told).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_by_idleness_by_age_and_with_its_account() {
    on_both(async |db| {
        let ana = account(&db, Role::Viewer).await;
        account(&db, Role::Admin).await;
        let start = Timestamp::now();
        let actor = admin();
        let (_, token) = sessions::begin(&db, &ana, ORIGIN, &actor.act(start)).await.unwrap();
        let is_there = async |minutes: i64| {
            let now = start + SignedDuration::from_mins(minutes);
            sessions::find(&db, token.expose(), now).await.unwrap().is_some()
        };
        // Every use keeps it alive, up to its age.
        let idle = IDLE_MAX.as_mins();
        let mut minutes = 0;
        while minutes + idle <= AGE_MAX.as_mins() {
            minutes += idle;
            assert!(is_there(minutes).await, "{minutes}");
        }
        assert!(!is_there(AGE_MAX.as_mins() + 1).await);
        let (_, token) = sessions::begin(&db, &ana, ORIGIN, &actor.act(start)).await.unwrap();
        let late = start + IDLE_MAX + SignedDuration::from_secs(1);
        assert!(sessions::find(&db, token.expose(), late).await.unwrap().is_none());
        assert!(sessions::find(&db, token.expose(), start).await.unwrap().is_some());
        let off = Edit { name: "Ana", role: Role::Viewer, enabled: false };
        accounts::edit(&db, &ana, &off, &actor.act(start)).await.unwrap();
        assert!(sessions::find(&db, token.expose(), start).await.unwrap().is_none());
        assert!(sessions::list(&db, ana.id, start).await.unwrap().is_empty());
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_may_do_less_or_has_a_new_password_signs_in_again() {
    on_both(async |db| {
        account(&db, Role::Admin).await;
        let ana = account(&db, Role::Approver).await;
        let (actor, now) = (admin(), Timestamp::now());
        let begin = async || {
            let begun = sessions::begin(&db, &ana, ORIGIN, &actor.act(now)).await.unwrap();
            begun.1
        };
        let is_there = async |token: &Secret| {
            sessions::find(&db, token.expose(), now).await.unwrap().is_some()
        };
        let token = begin().await;
        let more = Edit { name: "Ana", role: Role::Admin, enabled: true };
        accounts::edit(&db, &ana, &more, &actor.act(now)).await.unwrap();
        assert!(is_there(&token).await);
        let less = Edit { name: "Ana", role: Role::Viewer, enabled: true };
        accounts::edit(&db, &ana, &less, &actor.act(now)).await.unwrap();
        assert!(!is_there(&token).await);
        let token = begin().await;
        let new = Secret::new("another horse battery".to_owned());
        accounts::set_password(&db, &ana, &new, &actor.act(now)).await.unwrap();
        assert!(!is_there(&token).await);
        accounts::delete(&db, &ana, &actor.act(now)).await.unwrap();
        assert_eq!(
            verbs(&db).await,
            [
                "root create admin@example.com",
                "root create approver@example.com",
                "root sign-in approver@example.com",
                "root edit approver@example.com",
                "root edit approver@example.com",
                "root sign-in approver@example.com",
                "root edit approver@example.com",
                "root delete approver@example.com",
            ]
            .map(|it| it.replace("root create", "test create"))
        );
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn the_last_admin_stays() {
    on_both(async |db| {
        let only = account(&db, Role::Admin).await;
        let (actor, now) = (admin(), Timestamp::now());
        // Who never chose a password cannot sign in, so they are no second admin.
        let new =
            NewAccount { email: "b@example.com", name: "B", role: Role::Admin, password: None };
        let second = accounts::create(&db, &new, &actor.act(now)).await.unwrap();
        let less = Edit { name: "A", role: Role::Viewer, enabled: true };
        let off = Edit { name: "A", role: Role::Admin, enabled: false };
        for edit in [less, off] {
            let refused = accounts::edit(&db, &only, &edit, &actor.act(now)).await.unwrap_err();
            assert!(matches!(refused, AccountError::LastAdmin(_)), "{refused}");
        }
        let refused = accounts::delete(&db, &only, &actor.act(now)).await.unwrap_err();
        assert!(matches!(refused, AccountError::LastAdmin(_)), "{refused}");
        let password = Secret::new(PASSWORD.to_owned());
        accounts::set_password(&db, &second, &password, &actor.act(now)).await.unwrap();
        accounts::delete(&db, &only, &actor.act(now)).await.unwrap();
        assert_eq!(accounts::list(&db).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn of_two_who_set_up_at_once_one_becomes_the_first_admin() {
    on_both(async |db| {
        let (actor, now) = (admin(), Timestamp::now());
        let password = Secret::new(PASSWORD.to_owned());
        let make = async |email: &str| {
            let password = Some(&password);
            let new = NewAccount { email, name: "A", role: Role::Admin, password };
            accounts::create_first_admin(&db, &new, &actor.act(now)).await.is_ok()
        };
        let (one, two) = tokio::join!(make("a@example.com"), make("b@example.com"));
        assert!(one != two, "{one} {two}");
        assert_eq!(accounts::list(&db).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_is_good_once_for_its_purpose_and_until_its_time() {
    on_both(async |db| {
        let ana = account(&db, Role::Viewer).await;
        let now = Timestamp::now();
        let end = now + SignedDuration::from_mins(30);
        let new =
            async |purpose| sessions::new_code(&db, purpose, Some(ana.id), end).await.unwrap();
        let redeem = async |purpose, code: &Secret, now| {
            sessions::redeem(&db, purpose, code.expose(), now).await.unwrap()
        };
        let code = new(Purpose::SignIn).await;
        assert_eq!(redeem(Purpose::Password, &code, now).await, Redeemed::Void);
        assert_eq!(redeem(Purpose::SignIn, &code, end).await, Redeemed::Void);
        let right = Redeemed::Right { account: Some(ana.id) };
        assert_eq!(redeem(Purpose::SignIn, &code, now).await, right);
        assert_eq!(redeem(Purpose::SignIn, &code, now).await, Redeemed::Void);
        // A second one takes the place of the first.
        let (first, second) = (new(Purpose::Password).await, new(Purpose::Password).await);
        assert_eq!(redeem(Purpose::Password, &first, now).await, Redeemed::Void);
        assert_eq!(redeem(Purpose::Password, &second, now).await, right);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_admin_makes_an_account_and_its_owner_chooses_the_password() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut browser = service.signed_in(Role::Admin).await;
        let form = [("email", "jo@example.com"), ("name", "Jo"), ("role", "operator")];
        let shown = browser.submit("/settings/accounts", "/settings/accounts", &form).await;
        assert_eq!(shown.status, StatusCode::OK, "{shown:?}");
        let (_, link) = shown.text.split_once("/password/").unwrap();
        let link = format!("/password/{}", link.split('<').next().unwrap());
        let mut theirs = service.browser();
        let page = theirs.get(&link).await;
        assert!(page.text.contains("jo@example.com"), "{page:?}");
        let weak = theirs.post(&link, &[("password", "password1")]).await;
        assert_eq!(weak.status, StatusCode::UNPROCESSABLE_ENTITY);
        let good = theirs.post(&link, &[("password", "a staple of horses")]).await;
        assert_eq!(good.location(), "/", "{good:?}");
        assert_eq!(theirs.get("/connectors").await.status, StatusCode::OK);
        let spent = service.browser().get(&link).await;
        assert_eq!(spent.status, StatusCode::NOT_FOUND);
        // The same, again: the field that is wrong says so.
        let taken = browser.submit("/settings/accounts", "/settings/accounts", &form).await;
        assert_eq!(taken.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(taken.text.contains("jo@example.com has an account already."), "{taken:?}");
        assert_eq!(accounts::find(&db, "jo@example.com").await.unwrap().role, Role::Operator);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn severe_actions_ask_for_the_password_again() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let viewer = account(&db, Role::Viewer).await;
        let mut browser = service.signed_in(Role::Admin).await;
        let admin_id = accounts::find(&db, "admin@example.com").await.unwrap().id;
        let session = sessions::list(&db, admin_id, Timestamp::now()).await.unwrap()[0].id;
        let old = Timestamp::now() - PROOF_MAX - SignedDuration::from_secs(5);
        sessions::prove(&db, session, old).await.unwrap();
        let here = format!("/settings/accounts/{}", viewer.id);
        let delete = format!("{here}/delete");
        let form = [("confirm", "viewer@example.com")];
        let asked = browser.submit(&here, &delete, &form).await;
        assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY, "{asked:?}");
        assert!(asked.text.contains("<h1>Type your password again</h1>"), "{asked:?}");
        assert!(asked.text.contains(&format!("href=\"{here}\">Cancel<")), "{asked:?}");
        assert_eq!(accounts::list(&db).await.unwrap().len(), 2);
        let refused = browser.prove(&asked, "wrong horse battery").await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        assert!(!refused.text.contains("wrong horse battery"), "{refused:?}");
        assert_eq!(accounts::list(&db).await.unwrap().len(), 2);
        // What was typed goes on by itself.
        let done = browser.prove(&refused, PASSWORD).await;
        assert_eq!(done.location(), "/settings/accounts", "{done:?}");
        let page = browser.follow(&done).await;
        assert!(page.text.contains("The account viewer@example.com was deleted."), "{page:?}");
        // A page that leads to something severe asks as well, and says what for.
        let world = World::new(&db, 1).await;
        sessions::prove(&db, session, old).await.unwrap();
        let asked = browser.get("/connectors/1/delete").await;
        let words = format!("<strong>Delete the connector {CONNECTOR}</strong>");
        assert!(asked.text.contains(&words), "{asked:?}");
        assert!(asked.text.contains("<h1>Type your password again</h1>"), "{asked:?}");
        let refused = browser.prove(&asked, "wrong horse battery").await;
        assert!(refused.text.contains(&words), "{refused:?}");
        let led = browser.prove(&refused, PASSWORD).await;
        assert_eq!((led.status.as_u16(), led.location()), (303, "/connectors/1/delete"));
        assert!(browser.follow(&led).await.text.contains("Delete this connector"));
        world.sync().await;
        sessions::prove(&db, session, old).await.unwrap();
        let asked = browser.get("/runs/1/undo?user=7").await;
        let words = "<strong>Undo what run 1 did to person 7</strong>";
        assert!(asked.text.contains(words), "{asked:?}");
        let led = browser.prove(&asked, PASSWORD).await;
        assert_eq!(led.location(), "/runs/1/undo?user=7");
        // What was told is told once.
        let page = browser.get("/settings/accounts").await;
        assert!(!page.text.contains("was deleted."), "{page:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn one_s_own_account_tells_the_equal_commands_or_why_there_are_none() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut browser = service.signed_in(Role::Viewer).await;
        let other = service.signed_in(Role::Viewer).await;
        let account = accounts::find(&db, "viewer@example.com").await.unwrap();
        let known = sessions::list(&db, account.id, Timestamp::now()).await.unwrap();
        let page = browser.get("/account").await;
        let token = |browser: &Browser| {
            browser.cookies.iter().find(|(name, _)| name == "rollcall").unwrap().1.clone()
        };
        let (this, _) =
            sessions::find(&db, &token(&browser), Timestamp::now()).await.unwrap().unwrap();
        let (that, _) =
            sessions::find(&db, &token(&other), Timestamp::now()).await.unwrap().unwrap();
        assert_eq!(known.len(), 2);
        let end =
            |id: SessionId| format!("rollcall account sessions viewer@example.com --end {}<", id.0);
        for (words, is_told) in [
            (
                "rollcall account reset-password viewer@example.com --password-file FILE<"
                    .to_owned(),
                true,
            ),
            ("rollcall account sessions viewer@example.com<".to_owned(), true),
            (end(that.id), true),
            (end(this.id), false),
            ("This browser alone keeps it, so there is no command for it.".to_owned(), true),
        ] {
            assert_eq!(page.text.contains(&words), is_told, "{words}: {page:?}");
        }
        let page = browser.get("/settings/appearance").await;
        assert!(page.text.contains("so there is no command for it."), "{page:?}");
        let mut admin = service.signed_in(Role::Admin).await;
        let page = admin.get(&format!("/settings/accounts/{}", account.id)).await;
        for words in
            ["rollcall account sessions viewer@example.com --end-all<", "--end 1<", "--end 2<"]
        {
            assert!(page.text.contains(words), "{words}: {page:?}");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_guesses_waits_and_the_owner_gets_in() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut owner = service.signed_in(Role::Viewer).await;
        account(&db, Role::Admin).await;
        let mut told = Vec::new();
        for email in ["viewer@example.com", "nobody@example.com"] {
            let mut statuses = Vec::new();
            for _ in 0..6 {
                let form = [("email", email), ("password", "wrong horse battery")];
                let answer = service.browser().post("/sign-in", &form).await;
                if answer.status == StatusCode::TOO_MANY_REQUESTS {
                    let wait = answer.headers["retry-after"].to_str().unwrap().to_owned();
                    assert!(answer.text.contains("Everyone else can still sign in."), "{wait}");
                }
                statuses.push(answer.status.as_u16());
            }
            told.push(statuses);
        }
        // Whether there is such an account makes no difference.
        assert_eq!(told[0], [422, 422, 422, 422, 429, 429]);
        assert_eq!(told[0], told[1]);
        let page = owner.get("/connectors").await;
        assert_eq!(page.status, StatusCode::OK);
        let mut other = service.browser();
        other.sign_in("admin@example.com").await;
        // Written down after the answer.
        for _ in 0..100 {
            let verbs = verbs(&db).await;
            let refused = verbs.iter().filter(|it| it.contains("sign-in-refused"));
            if refused.count() == 4 {
                return;
            }
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        }
        panic!("{:?}", verbs(&db).await);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_somebody_planted_is_not_taken_over() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        account(&db, Role::Viewer).await;
        account(&db, Role::Admin).await;
        let mut browser = service.browser();
        browser.cookies.push(("rollcall".to_owned(), "planted-by-somebody".to_owned()));
        browser.sign_in("viewer@example.com").await;
        let token = browser.cookies.iter().find(|(name, _)| name == "rollcall").unwrap().1.clone();
        assert_ne!(token, "planted-by-somebody");
        assert_eq!(token.len(), 43);
        let mut again = service.browser();
        again.sign_in("viewer@example.com").await;
        assert_ne!(again.cookies[0].1, token);
    })
    .await;
}
