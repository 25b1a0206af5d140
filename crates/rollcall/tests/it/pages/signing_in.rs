//! Who gets in, and how.

use jiff::{SignedDuration, Timestamp};
use reqwest::StatusCode;
use rollcall::store::accounts::{self, Role};
use rollcall::store::connectors;
use rollcall::store::sessions::{self, Purpose};

use super::browser::{Browser, PASSWORD, Service, account};
use super::world::{CONNECTOR, World};
use crate::databases::on_both;

#[tokio::test(flavor = "multi_thread")]
async fn the_first_admin_is_whoever_has_the_code_that_was_printed() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut browser = service.browser();
        let first = browser.get("/").await;
        assert_eq!((first.status, first.location()), (StatusCode::SEE_OTHER, "/sign-in?next=%2F"));
        let sign_in = browser.follow(&first).await;
        assert_eq!(sign_in.location(), "/setup");
        let page = browser.follow(&sign_in).await;
        assert!(page.text.contains("<h1>Set up Rollcall</h1>"), "{page:?}");
        let new = |code| {
            [("code", code), ("name", "Ana"), ("email", "ana@example.com"), ("password", PASSWORD)]
        };
        // Nothing was printed yet: whoever tries makes the service print a code.
        let refused = browser.post("/setup", &new("7F3K-QM2P-9XWD")).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let code = service.printed.lock().unwrap().last().unwrap().clone();
        let spelled = code.to_lowercase().replace('-', "");
        let made = browser.post("/setup", &new(&spelled)).await;
        assert_eq!((made.status, made.location()), (StatusCode::SEE_OTHER, "/"));
        let overview = browser.follow(&made).await;
        assert!(overview.text.contains("<h1>Overview</h1>"), "{overview:?}");
        assert_eq!(accounts::find(&db, "ANA@example.com").await.unwrap().role, Role::Admin);
        // The code is used up, and the page is gone.
        let again = service.browser().post("/setup", &new(&code)).await;
        assert_eq!(again.location(), "/sign-in");
        assert_eq!(accounts::list(&db).await.unwrap().len(), 1);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_code_that_was_guessed_at_too_often_is_replaced() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut browser = service.browser();
        let new = |code| {
            [("code", code), ("name", "Ana"), ("email", "ana@example.com"), ("password", PASSWORD)]
        };
        browser.post("/setup", &new("0")).await;
        let first = service.printed.lock().unwrap().last().unwrap().clone();
        for _ in 0..5 {
            let refused = browser.post("/setup", &new("0000-0000-0000")).await;
            assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        }
        let refused = browser.post("/setup", &new(&first)).await;
        assert_eq!(refused.status, StatusCode::UNPROCESSABLE_ENTITY);
        let second = service.printed.lock().unwrap().last().unwrap().clone();
        assert_ne!(first, second);
        let made = browser.post("/setup", &new(&second)).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_that_is_wrong_with_the_set_up_is_told_at_once_and_nothing_typed_is_lost() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut browser = service.browser();
        let new = |code, email, password| {
            [("code", code), ("name", "Ana"), ("email", email), ("password", password)]
        };
        browser.post("/setup", &new("0", "ana@example.com", PASSWORD)).await;
        let code = service.printed.lock().unwrap().last().unwrap().clone();
        let refused = browser.post("/setup", &new("7F3K", "ana", "short")).await;
        for field in ["code", "email", "password"] {
            assert!(
                refused.text.contains(&format!("id=\"{field}-error\"")),
                "{field}: {refused:?}"
            );
        }
        assert!(refused.text.contains("value=\"7F3K\""), "{refused:?}");
        assert!(!refused.text.contains("short\""), "{refused:?}");
        // The right code stays good while something else is wrong.
        let refused = browser.post("/setup", &new(&code, "ana@example.com", "short")).await;
        assert!(!refused.text.contains("id=\"code-error\""), "{refused:?}");
        assert!(refused.text.contains(&format!("value=\"{code}\"")), "{refused:?}");
        let made = browser.post("/setup", &new(&code, "ana@example.com", PASSWORD)).await;
        assert_eq!(made.status, StatusCode::SEE_OTHER, "{made:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_password_and_an_unknown_address_are_told_alike() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        account(&db, Role::Viewer).await;
        account(&db, Role::Admin).await;
        let mut told = Vec::new();
        for (email, password) in
            [("viewer@example.com", "wrong horse battery"), ("nobody@example.com", PASSWORD)]
        {
            let mut browser = service.browser();
            let form = [("email", email), ("password", password)];
            let answer = browser.post("/sign-in", &form).await;
            assert_eq!(answer.status, StatusCode::UNPROCESSABLE_ENTITY);
            assert!(!answer.text.contains(password), "{answer:?}");
            assert!(browser.cookies.is_empty(), "{browser:?}");
            told.push(answer.text.replace(email, ""));
        }
        assert_eq!(told[0], told[1]);
        assert!(told[0].contains("E-mail or password is not right."), "{}", told[0]);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_link_signs_in_once_and_is_not_used_up_by_being_opened() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let ana = account(&db, Role::Admin).await;
        let end = Timestamp::now() + SignedDuration::from_mins(5);
        let purpose = Purpose::SignIn;
        let code = sessions::new_code(&db, purpose, Some(ana.id), end).await.unwrap();
        let link = format!("/sign-in/{}", code.expose());
        for _ in 0..2 {
            let page = service.browser().get(&link).await;
            assert!(page.text.contains("This link signs you in as Admin."), "{page:?}");
            assert!(!page.headers.contains_key("set-cookie"), "{page:?}");
        }
        let mut browser = service.browser();
        let entered = browser.post(&link, &[]).await;
        assert_eq!((entered.status, entered.location()), (StatusCode::SEE_OTHER, "/"));
        assert_eq!(browser.get("/").await.status, StatusCode::OK);
        assert_eq!(browser.get(&link).await.location(), "/");
        let again = service.browser().post(&link, &[]).await;
        assert_eq!(again.status, StatusCode::NOT_FOUND);
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_address_that_means_nothing_is_a_page_that_says_so() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut browser = service.signed_in(Role::Admin).await;
        for path in ["/nothing", "/settings/accounts/abc", "/settings/accounts/7", "/a/b/c"] {
            let page = browser.get(path).await;
            assert_eq!(page.status, StatusCode::NOT_FOUND, "{path}");
            assert!(page.text.contains("<h1>Not found</h1>"), "{path}: {page:?}");
        }
        let page = browser.get("/audit?before=x").await;
        assert_eq!(page.status, StatusCode::NOT_FOUND, "{page:?}");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_ends_when_somebody_signs_out() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut browser = service.signed_in(Role::Viewer).await;
        let page = browser.get("/connectors").await;
        assert_eq!(page.status, StatusCode::OK, "{page:?}");
        let kept = browser.clone();
        let out = browser.submit("/connectors", "/sign-out", &[]).await;
        assert_eq!((out.status, out.location()), (StatusCode::SEE_OTHER, "/sign-in"));
        assert_eq!(out.headers["clear-site-data"], "\"cache\", \"storage\"");
        // Neither by the back button nor with a cookie that was kept.
        for mut browser in [browser, kept] {
            let answer = browser.get("/connectors").await;
            assert_eq!(answer.location(), "/sign-in?next=%2Fconnectors");
        }
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_outlives_the_end_of_a_sign_in() {
    on_both(async |db| {
        let service = Service::start(&db).await;
        let mut browser = service.signed_in(Role::Admin).await;
        let shown = browser.get("/settings/accounts").await;
        let stale = shown.token();
        // The session ends on the other side: the browser does not know.
        let admin = account(&db, Role::Admin).await;
        let mut tx = db.begin().await.unwrap();
        assert_eq!(sessions::end_all_of(&mut tx, admin.id).await.unwrap(), 1);
        tx.commit().await.unwrap();
        let typed = [
            ("csrf", &*stale),
            ("name", "Maya \"M\" Lee"),
            ("email", "maya@example.com"),
            ("role", "operator"),
            ("password", "canary"),
        ];
        let referer = format!("{}/settings/accounts", browser.url());
        let send = async |browser: &mut Browser, destination: &str| {
            let request = browser
                .request(reqwest::Method::POST, "/settings/accounts")
                .header("origin", browser.url())
                .header("sec-fetch-site", "same-origin")
                .header("sec-fetch-dest", destination)
                .header("referer", &referer)
                .header("content-type", "application/x-www-form-urlencoded")
                .body(rollcall::web::form::encode(&typed));
            browser.send(request).await
        };
        // A script has its page still.
        let led = send(&mut browser, "empty").await;
        assert_eq!(led.location(), "/sign-in?next=%2Fsettings%2Faccounts");
        let led = browser.follow(&led).await;
        assert!(led.text.contains("You are not signed in any more"), "{led:?}");

        let asked = send(&mut browser, "document").await;
        assert_eq!(asked.status, StatusCode::UNPROCESSABLE_ENTITY, "{asked:?}");
        assert!(asked.text.contains("You are not signed in any more"), "{asked:?}");
        assert!(!asked.text.contains("canary") && !asked.text.contains(&stale), "{asked:?}");
        let hidden = hidden_fields(&asked.text);
        let due = ("typed.password-due".to_owned(), "on".to_owned());
        assert!(hidden.contains(&due), "{hidden:?}");
        let sign_in = |password: &'static str| {
            let own = [("email", "admin@example.com"), ("password", password)];
            let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
            hidden.iter().cloned().chain(own).collect::<Vec<_>>()
        };
        // A wrong password does not lose it either.
        let wrong = browser.post("/sign-in", &borrowed(&sign_in("wrong horse battery"))).await;
        assert_eq!(hidden_fields(&wrong.text), hidden);
        let again = browser.post("/sign-in", &borrowed(&sign_in(PASSWORD))).await;
        assert_eq!(again.status, StatusCode::OK, "{again:?}");
        // In its form, where it can be changed, and at its own address.
        for told in [
            "<h1>Settings</h1>",
            "data-address=\"/settings/accounts\"",
            "Nothing was done yet: this is what you had typed. Passwords and secrets were not kept.",
            "value=\"Maya &#34;M&#34; Lee\"",
            "value=\"maya@example.com\"",
            "value=\"operator\" checked",
        ] {
            assert!(again.text.contains(told), "{told}: {again:?}");
        }
        assert!(!again.text.contains("canary"), "{again:?}");
        assert!(accounts::find(&db, "maya@example.com").await.is_err(), "it is not done by that");
        let token = again.token();
        let fields: Vec<_> =
            typed.into_iter().filter(|it| it.0 != "csrf").chain([("csrf", &*token)]).collect();
        let sent = browser.post("/settings/accounts", &fields).await;
        assert!(sent.status.is_success() || sent.status.is_redirection(), "{sent:?}");
        assert_eq!(accounts::find(&db, "maya@example.com").await.unwrap().name, "Maya \"M\" Lee");
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn what_was_typed_on_the_tab_of_a_connector_comes_back_there() {
    on_both(async |db| {
        let world = World::new(&db, 1).await;
        let mut browser = world.service.signed_in(Role::Admin).await;
        let admin = account(&db, Role::Admin).await;
        let tab = "/connectors/1/general";
        let shown = hidden_fields(&browser.get(tab).await.text);
        let of = |name: &str| shown.iter().find(|it| it.0 == name).unwrap().1.clone();
        let (version, opened) = (of("version"), of("opened"));
        // Sent by a browser whose session has ended, and then signed in by an account of a role.
        let mut late = async |path: &str, typed: &[(&str, &str)], email: &str| {
            rollcall::with_pool!(&db, pool => {
                sqlx::query("delete from sessions").execute(pool).await.unwrap();
            });
            let request = browser
                .request(reqwest::Method::POST, path)
                .header("origin", browser.url())
                .header("sec-fetch-dest", "document")
                .header("referer", format!("{}{path}", browser.url()))
                .header("content-type", "application/x-www-form-urlencoded")
                .body(rollcall::web::form::encode(typed));
            let asked = browser.send(request).await;
            let own = [("email", email), ("password", PASSWORD)];
            let own = own.map(|(name, value)| (name.to_owned(), value.to_owned()));
            let fields: Vec<_> = hidden_fields(&asked.text).into_iter().chain(own).collect();
            browser.post("/sign-in", &borrowed(&fields)).await
        };
        let typed = [
            ("version", &*version),
            ("opened", &*opened),
            ("name", "Renamed & more"),
            ("client-id", "another-id"),
            ("client-secret", "canary"),
            ("base-url", "own"),
            ("subdomain", "acme"),
            ("then", "save"),
        ];
        let again = late(tab, &typed, "admin@example.com").await;
        assert_eq!(again.status, StatusCode::OK, "{again:?}");
        for told in [
            "data-address=\"/connectors/1/general\"",
            "value=\"Renamed &#38; more\"",
            "value=\"another-id\"",
            "value=\"acme\"",
            "Type the new Client Secret again",
            "name=\"client-secret-due\" value=\"on\"",
        ] {
            assert!(again.text.contains(told), "{told}: {again:?}");
        }
        assert!(!again.text.contains("canary"), "{again:?}");
        let saved = connectors::find(&db, CONNECTOR).await.unwrap();
        assert_eq!(saved.name.as_str(), CONNECTOR, "nothing was saved");
        // Whoever may not edit, and a form that acts and is not shown again: as a list, as it was typed.
        account(&db, Role::Viewer).await;
        let listed = "<h1>Send what you typed</h1>";
        let again = late(tab, &typed, "viewer@example.com").await;
        assert!(again.text.contains(listed) && again.text.contains("another-id"), "{again:?}");
        let deleting = [("confirm", "somebody@example.com")];
        let path = format!("/settings/accounts/{}/delete", admin.id.0);
        let again = late(&path, &deleting, "admin@example.com").await;
        assert!(again.text.contains(listed) && again.text.contains("somebody@"), "{again:?}");
    })
    .await;
}

fn hidden_fields(text: &str) -> Vec<(String, String)> {
    let value = |part: &str, name: &str| {
        let (_, rest) = part.split_once(&format!("{name}=\""))?;
        Some(rest.split('"').next()?.replace("&#34;", "\"").replace("&#38;", "&"))
    };
    let hidden = text.split("type=\"hidden\"").skip(1).filter_map(|it| {
        let it = it.split('>').next()?;
        Some((value(it, "name")?, value(it, "value")?))
    });
    hidden.collect()
}

fn borrowed(fields: &[(String, String)]) -> Vec<(&str, &str)> {
    fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect()
}
