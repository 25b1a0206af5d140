//! What the endpoints answer, as clients see it.

use expect_test::{Expect, expect};
use reqwest::{Method, StatusCode};
use rollcall::store::Db;

use super::server::{Http, send, serve};
use super::world::{PASSWORD, publish, target};
use crate::databases::{on_both, on_both_alike, on_sqlite};

const WORLD: &str =
    "1 ada name=Ada_Lee mail=a@acme.test : dev ops\n2 Bob : ops\n3 cyd mail=c@other.test";

async fn server(db: &Db) -> Http {
    let jira = target(db, "jira").await;
    publish(db, jira, WORLD).await;
    publish(db, jira, &format!("{WORLD} off")).await;
    let at =
        "update directory_users set created_at = 1704164645678901, updated_at = 1704164645678901";
    rollcall::with_pool!(db, pool => {
        sqlx::query(at).execute(pool).await.unwrap();
    });
    Http::new(&serve(db).await, "jira", "test")
}

/// An answer in XML, an element a line.
async fn check_xml(path: &str, expected: Expect) {
    let text = on_both_alike(async |db| {
        let answer = server(&db).await.get(path).await;
        format!("{} {}", answer.status.as_u16(), lines(&answer.text))
    });
    expected.assert_eq(&text.await);
}

async fn check_json(path: &str, expected: Expect) {
    let text = on_both_alike(async |db| {
        let answer = server(&db).await.get_json(path).await;
        serde_json::to_string_pretty(&answer).unwrap()
    });
    expected.assert_eq(&text.await);
}

fn lines(xml: &str) -> String {
    xml.replace("><", ">\n<").replace(">\n</", "></")
}

#[tokio::test]
async fn a_user_is_told_whole() {
    check_xml(
        "/user?username=ADA&expand=attributes",
        expect![[r#"
            200 <?xml version="1.0" encoding="UTF-8"?>
            <user name="ada" expand="attributes">
            <link href="/crowd/rest/usermanagement/1/user?username=ada" rel="self"/>
            <first-name></first-name>
            <last-name></last-name>
            <display-name>Ada Lee</display-name>
            <email>a@acme.test</email>
            <key>1</key>
            <created-date>2024-01-02T03:04:05.678Z</created-date>
            <updated-date>2024-01-02T03:04:05.678Z</updated-date>
            <active>true</active>
            <attributes>
            <link href="/crowd/rest/usermanagement/1/user?username=ada" rel="self"/></attributes></user>"#]],
    )
    .await;
    check_json(
        "/user?username=ada",
        expect![[r#"
        {
          "active": true,
          "attributes": {
            "attributes": [],
            "link": {
              "href": "/crowd/rest/usermanagement/1/user?username=ada",
              "rel": "self"
            }
          },
          "created-date": 1704164645678,
          "display-name": "Ada Lee",
          "email": "a@acme.test",
          "expand": "attributes",
          "first-name": "",
          "key": "1",
          "last-name": "",
          "link": {
            "href": "/crowd/rest/usermanagement/1/user?username=ada",
            "rel": "self"
          },
          "name": "ada",
          "updated-date": 1704164645678
        }"#]],
    )
    .await;
    check_xml(
        "/user?key=2",
        expect![[r#"
            200 <?xml version="1.0" encoding="UTF-8"?>
            <user name="Bob" expand="attributes">
            <link href="/crowd/rest/usermanagement/1/user?username=Bob" rel="self"/>
            <first-name></first-name>
            <last-name></last-name>
            <display-name>The Bob</display-name>
            <email>Bob@acme.test</email>
            <key>2</key>
            <created-date>2024-01-02T03:04:05.678Z</created-date>
            <updated-date>2024-01-02T03:04:05.678Z</updated-date>
            <active>true</active></user>"#]],
    )
    .await;
}

#[tokio::test]
async fn a_group_is_told_whole() {
    check_xml(
        "/group?groupname=DEV",
        expect![[r#"
            200 <?xml version="1.0" encoding="UTF-8"?>
            <group name="dev" expand="attributes">
            <link href="/crowd/rest/usermanagement/1/group?groupname=dev" rel="self"/>
            <description></description>
            <type>GROUP</type>
            <active>true</active></group>"#]],
    )
    .await;
    check_json(
        "/group?groupname=dev",
        expect![[r#"
        {
          "active": true,
          "attributes": {
            "attributes": [],
            "link": {
              "href": "/crowd/rest/usermanagement/1/group?groupname=dev",
              "rel": "self"
            }
          },
          "description": "",
          "expand": "attributes",
          "link": {
            "href": "/crowd/rest/usermanagement/1/group?groupname=dev",
            "rel": "self"
          },
          "name": "dev",
          "type": "GROUP"
        }"#]],
    )
    .await;
}

#[tokio::test]
async fn attributes_are_none() {
    check_xml(
        "/user/attribute?username=ada",
        expect![[r#"
            200 <?xml version="1.0" encoding="UTF-8"?>
            <attributes>
            <link href="/crowd/rest/usermanagement/1/user?username=ada" rel="self"/></attributes>"#]],
    )
    .await;
    check_json(
        "/group/attribute?groupname=dev",
        expect![[r#"
        {
          "attributes": [],
          "link": {
            "href": "/crowd/rest/usermanagement/1/group?groupname=dev",
            "rel": "self"
          }
        }"#]],
    )
    .await;
}

#[tokio::test]
async fn memberships_are_asked_from_either_side() {
    check_xml(
        "/user/group/direct?username=ada",
        expect![[r#"
            200 <?xml version="1.0" encoding="UTF-8"?>
            <groups expand="group">
            <group name="dev">
            <link href="/crowd/rest/usermanagement/1/group?groupname=dev" rel="self"/></group>
            <group name="ops">
            <link href="/crowd/rest/usermanagement/1/group?groupname=ops" rel="self"/></group></groups>"#]],
    )
    .await;
    check_json(
        "/group/user/nested?groupname=ops&expand=user&start-index=1",
        expect![[r#"
        {
          "expand": "user",
          "users": [
            {
              "active": true,
              "attributes": {
                "attributes": [],
                "link": {
                  "href": "/crowd/rest/usermanagement/1/user?username=Bob",
                  "rel": "self"
                }
              },
              "created-date": 1704164645678,
              "display-name": "The Bob",
              "email": "Bob@acme.test",
              "expand": "attributes",
              "first-name": "",
              "key": "2",
              "last-name": "",
              "link": {
                "href": "/crowd/rest/usermanagement/1/user?username=Bob",
                "rel": "self"
              },
              "name": "Bob",
              "updated-date": 1704164645678
            }
          ]
        }"#]],
    )
    .await;
    check_xml(
        "/group/user/direct?groupname=ops&username=bob",
        expect![[r#"
            200 <?xml version="1.0" encoding="UTF-8"?>
            <user name="Bob" expand="attributes">
            <link href="/crowd/rest/usermanagement/1/user?username=Bob" rel="self"/>
            <first-name></first-name>
            <last-name></last-name>
            <display-name>The Bob</display-name>
            <email>Bob@acme.test</email>
            <key>2</key>
            <created-date>2024-01-02T03:04:05.678Z</created-date>
            <updated-date>2024-01-02T03:04:05.678Z</updated-date>
            <active>true</active></user>"#]],
    )
    .await;
    check_xml(
        "/group/user/direct?groupname=ops&username=cyd",
        expect![[r#"
            404 <?xml version="1.0" encoding="UTF-8"?>
            <error>
            <reason>MEMBERSHIP_NOT_FOUND</reason>
            <message>&lt;cyd&gt; is not a member of &lt;ops&gt;.</message></error>"#]],
    )
    .await;
    check_xml(
        "/user/group/direct?username=cyd&groupname=nowhere",
        expect![[r#"
            404 <?xml version="1.0" encoding="UTF-8"?>
            <error>
            <reason>MEMBERSHIP_NOT_FOUND</reason>
            <message>&lt;cyd&gt; is not a member of &lt;nowhere&gt;.</message></error>"#]],
    )
    .await;
    check_xml(
        "/group/child-group/direct?groupname=ops",
        expect![[r#"
            200 <?xml version="1.0" encoding="UTF-8"?>
            <groups expand="group"></groups>"#]],
    )
    .await;
    check_xml(
        "/group/parent-group/nested?groupname=ops&parent-groupname=x",
        expect![[r#"
            404 <?xml version="1.0" encoding="UTF-8"?>
            <error>
            <reason>MEMBERSHIP_NOT_FOUND</reason>
            <message>&lt;x&gt; is not a member of &lt;ops&gt;.</message></error>"#]],
    )
    .await;
}

#[tokio::test]
async fn the_membership_stream_names_groups_without_members_too() {
    const EMPTY: &str = "insert into directory_groups (target_id, name, name_folded) \
         select id, 'Empty', 'empty' from targets";
    let text = on_both_alike(async |db| {
        let http = server(&db).await;
        rollcall::with_pool!(&db, pool => {
            sqlx::query(EMPTY).execute(pool).await.unwrap();
        });
        lines(&http.get("/group/membership").await.text)
    });
    expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <memberships>
        <membership group="dev">
        <users>
        <user name="ada"/></users>
        <groups/></membership>
        <membership group="Empty">
        <users></users>
        <groups/></membership>
        <membership group="ops">
        <users>
        <user name="ada"/>
        <user name="Bob"/></users>
        <groups/></membership></memberships>"#]]
    .assert_eq(&text.await);
}

#[tokio::test]
async fn a_product_tests_its_settings() {
    const NULL_NAME: &str = "<property-search-restriction><property><name>name</name><type>STRING</type></property>\
         <match-mode>NULL</match-mode></property-search-restriction>";
    on_both(async |db| {
        let http = server(&db).await;
        let path = "/search?entity-type=user&start-index=0&max-results=1&expand=user";
        let recent = http.post(path, NULL_NAME).await;
        assert_eq!(
            (recent.status, recent.text.ends_with("<users expand=\"user\"></users>")),
            (StatusCode::OK, true),
            "{recent:?}"
        );
        let old = http.post(path, "<null-search-restriction/>").await;
        assert_eq!(
            (old.status, old.text.matches("<user ").count()),
            (StatusCode::OK, 1),
            "{old:?}"
        );
    })
    .await;
}

#[tokio::test]
async fn news_tell_the_present_state() {
    let text = on_both_alike(async |db| {
        let jira = target(&db, "jira").await;
        publish(&db, jira, "1 ada : dev\n2 bob : qa\n3 cyd").await;
        let http = Http::new(&serve(&db).await, "jira", "test");
        assert_eq!(http.get_json("/event").await["newEventToken"], "e1.1");
        publish(&db, jira, "1 ada mail=x@acme.test : dev\n2 bob : qa\n3 cyd : new").await;
        publish(&db, jira, "1 ada mail=x@acme.test : ops\n3 cyd off : new\n4 dan").await;
        let news = http.get("/event/e1.1").await.text;
        let nothing = http.get("/event/e1.3n").await.text;
        format!("{}\n\n{}", lines(&strip_dates(&news)), lines(&nothing))
    });
    expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <events newEventToken="e1.3n" incrementalSynchronisationAvailable="true">
        <userEvent>
        <operation>DELETED</operation>
        <user name="bob"/></userEvent>
        <userEvent>
        <operation>UPDATED</operation>
        <user name="ada">
        <first-name></first-name>
        <last-name></last-name>
        <display-name>The ada</display-name>
        <email>x@acme.test</email>
        <key>1</key>
        <active>true</active></user></userEvent>
        <userEvent>
        <operation>UPDATED</operation>
        <user name="cyd">
        <first-name></first-name>
        <last-name></last-name>
        <display-name>The cyd</display-name>
        <email>cyd@acme.test</email>
        <key>3</key>
        <active>false</active></user></userEvent>
        <userEvent>
        <operation>UPDATED</operation>
        <user name="dan">
        <first-name></first-name>
        <last-name></last-name>
        <display-name>The dan</display-name>
        <email>dan@acme.test</email>
        <key>4</key>
        <active>true</active></user></userEvent>
        <groupEvent>
        <operation>UPDATED</operation>
        <group name="new">
        <description></description>
        <type>GROUP</type>
        <active>true</active></group></groupEvent>
        <groupEvent>
        <operation>UPDATED</operation>
        <group name="ops">
        <description></description>
        <type>GROUP</type>
        <active>true</active></group></groupEvent>
        <userMembershipEvent>
        <operation>UPDATED</operation>
        <childUser name="ada"/>
        <parentGroups>
        <group name="ops"/></parentGroups></userMembershipEvent>
        <userMembershipEvent>
        <operation>UPDATED</operation>
        <childUser name="cyd"/>
        <parentGroups>
        <group name="new"/></parentGroups></userMembershipEvent>
        <groupEvent>
        <operation>DELETED</operation>
        <group name="dev"/></groupEvent>
        <groupEvent>
        <operation>DELETED</operation>
        <group name="qa"/></groupEvent></events>

        <?xml version="1.0" encoding="UTF-8"?>
        <events newEventToken="e1.3n" incrementalSynchronisationAvailable="true"></events>"#]]
    .assert_eq(&text.await);
}

fn strip_dates(text: &str) -> String {
    let mut rest = text;
    let mut stripped = String::new();
    while let Some((before, after)) = rest.split_once("<created-date>") {
        stripped.push_str(before);
        rest = after.split_once("</updated-date>").unwrap().1;
    }
    stripped + rest
}

#[tokio::test]
async fn tokens_that_say_nothing_are_gone() {
    on_both(async |db| {
        let jira = target(&db, "jira").await;
        publish(&db, jira, "1 ada : dev\n2 bob").await;
        publish(&db, jira, "1 ada2 : dev\n2 bob").await;
        let http = Http::new(&serve(&db).await, "jira", "test");
        for token in ["e1.1", "e1.0", "e1.3", "e2.2", "e1.-1", "nonsense", "%00", "e1.2x"] {
            let answer = http.get(&format!("/event/{token}")).await;
            assert_eq!(answer.status, StatusCode::GONE, "{token}");
            assert!(answer.text.contains("<reason>EVENT_TOKEN_EXPIRED</reason>"), "{answer:?}");
        }
        assert_eq!(http.get("/event/e1.2").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn nothing_is_told_before_the_first_publication() {
    on_both(async |db| {
        target(&db, "jira").await;
        let http = Http::new(&serve(&db).await, "jira", "test");
        let all = "/search?entity-type=user&max-results=-1";
        let search = http.post(all, "<null-search-restriction/>").await;
        assert_eq!(search.status, StatusCode::SERVICE_UNAVAILABLE);
        assert!(search.text.contains("run a synchronisation first"), "{search:?}");
        for path in [
            "/user?username=ada",
            "/group?groupname=dev",
            "/group/membership",
            "/event",
            "/event/e1.0",
        ] {
            assert_eq!(http.get(path).await.status, StatusCode::SERVICE_UNAVAILABLE, "{path}");
        }
        assert_eq!(http.get("/config/cookie").await.status, StatusCode::OK);
    })
    .await;
}

#[tokio::test]
async fn an_application_is_let_in_with_its_own_password_alone() {
    on_both(async |db| {
        let http = server(&db).await;
        target(&db, "wiki").await;
        let path = "/rest/usermanagement/1/user?username=ada";
        let long = "x".repeat(100_000);
        let with = |name: &'static str, password: &'static str| (name, password);
        for (name, password) in [
            with("jira", "wrong"),
            with("", ""),
            with("nobody", PASSWORD),
            with("JIRA", PASSWORD),
            with("jira\0", PASSWORD),
        ] {
            let answer =
                send(http.stranger(Method::GET, path).basic_auth(name, Some(password))).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{name}");
            assert_eq!(answer.headers["www-authenticate"], "BASIC realm=\"Crowd REST Service\"");
            assert_eq!(answer.headers["content-type"], "text/plain;charset=UTF-8");
            assert_eq!(answer.text, "Application failed to authenticate");
        }
        for value in [
            "",
            "Basic",
            "Basic !!!",
            "Bearer abc",
            "Basic amlyYQ==",
            &format!("Basic {}", &long[..8000]),
        ] {
            let answer =
                send(http.stranger(Method::GET, path).header("authorization", value)).await;
            assert_eq!(answer.status, StatusCode::UNAUTHORIZED, "{value}");
        }
        // What is there is not told to strangers.
        for path in ["/console", "/rest/usermanagement/1/nowhere", "/rest/usermanagement/9/user"] {
            assert_eq!(
                send(http.stranger(Method::GET, path)).await.status,
                StatusCode::UNAUTHORIZED
            );
        }
        // The application of another target sees its own directory, which is not there yet.
        let wiki = Http::new(&http.url(), "wiki", "test");
        assert_eq!(wiki.get("/user?username=ada").await.status, StatusCode::SERVICE_UNAVAILABLE);
    })
    .await;
}

#[tokio::test]
async fn writes_are_refused() {
    on_sqlite(async |db| {
        let http = server(&db).await;
        let writes = [
            (Method::POST, "/user"),
            (Method::PUT, "/user?username=ada"),
            (Method::DELETE, "/user?username=ada"),
            (Method::POST, "/user/rename?username=ada"),
            (Method::POST, "/user/attribute?username=ada"),
            (Method::PUT, "/user/password?username=ada"),
            (Method::DELETE, "/user/password?username=ada"),
            (Method::POST, "/user/mail/password?username=ada"),
            (Method::POST, "/user/mail/usernames?email=a"),
            (Method::POST, "/user/expire-all-passwords?confirm=true"),
            (Method::POST, "/user/group/direct?username=ada"),
            (Method::DELETE, "/user/group/direct?username=ada&groupname=dev"),
            (Method::POST, "/group"),
            (Method::PUT, "/group?groupname=dev"),
            (Method::DELETE, "/group?groupname=dev"),
            (Method::DELETE, "/group/attribute?groupname=dev"),
            (Method::POST, "/group/user/direct?groupname=dev"),
            (Method::DELETE, "/group/user/direct?groupname=dev&username=ada"),
            (Method::POST, "/group/child-group/direct?groupname=dev"),
            (Method::POST, "/group/parent-group/direct?groupname=dev"),
        ];
        for (method, path) in writes {
            let answer = send(http.request(method.clone(), path)).await;
            assert_eq!(answer.status, StatusCode::FORBIDDEN, "{method} {path}");
            assert!(
                answer.text.contains("<reason>APPLICATION_PERMISSION_DENIED</reason>"),
                "{answer:?}"
            );
        }
    })
    .await;
}

#[tokio::test]
async fn unknown_resources_and_methods_are_answered_like_everything_else() {
    on_sqlite(async |db| {
        let http = server(&db).await;
        for (method, path, status) in [
            (Method::GET, "/nowhere", StatusCode::NOT_FOUND),
            (Method::POST, "/webhook", StatusCode::NOT_FOUND),
            (Method::DELETE, "/webhook/1", StatusCode::NOT_FOUND),
            (Method::GET, "/authentication", StatusCode::METHOD_NOT_ALLOWED),
            (Method::DELETE, "/search", StatusCode::METHOD_NOT_ALLOWED),
            (Method::POST, "/event", StatusCode::METHOD_NOT_ALLOWED),
            (Method::PUT, "/group/membership", StatusCode::METHOD_NOT_ALLOWED),
            (
                Method::from_bytes(b"BREW").unwrap(),
                "/config/cookie",
                StatusCode::METHOD_NOT_ALLOWED,
            ),
        ] {
            let answer = send(http.request(method.clone(), path)).await;
            assert_eq!(answer.status, status, "{method} {path}");
            assert_eq!(answer.headers["content-type"], "application/xml; charset=UTF-8");
            assert!(
                answer.text.contains("<error><reason>UNSUPPORTED_OPERATION</reason><message>"),
                "{answer:?}"
            );
        }
        let json =
            send(http.request(Method::GET, "/nowhere").header("accept", "application/json")).await;
        expect![[r#"{"message":"There is no such resource.","reason":"UNSUPPORTED_OPERATION"}"#]]
            .assert_eq(&json.text);
    })
    .await;
}

#[tokio::test]
async fn sign_in_is_refused_with_a_reason() {
    on_both(async |db| {
        let http = server(&db).await;
        let password = "<password><value>secret</value></password>";
        for (user, reason) in [
            ("ada", "INVALID_USER_AUTHENTICATION"),
            ("CYD", "INACTIVE_ACCOUNT"),
            ("nobody", "USER_NOT_FOUND"),
            ("%00", "USER_NOT_FOUND"),
        ] {
            let answer = http.post(&format!("/authentication?username={user}"), password).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
            assert!(answer.text.contains(&format!("<reason>{reason}</reason>")), "{answer:?}");
            let context = format!(
                "<authentication-context><username>{user}</username></authentication-context>"
            );
            let answer = http.post("/session?validate-password=false", &context).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{answer:?}");
        }
        let notified = http.post("/authentication/notify?username=cyd", "<password/>").await;
        assert_eq!(notified.status, StatusCode::OK);
        assert!(notified.text.contains("<key>3</key>"), "{notified:?}");
        let unknown = http.post("/authentication/notify?username=nobody", "").await;
        assert_eq!(unknown.status, StatusCode::NOT_FOUND);
        assert_eq!(http.get("/session/abc").await.status, StatusCode::NOT_FOUND);
        assert_eq!(http.post("/session/abc", "").await.status, StatusCode::NOT_FOUND);
        for path in ["/session/abc", "/session?username=ada"] {
            let closed = send(http.request(Method::DELETE, path)).await;
            assert_eq!(closed.status, StatusCode::NO_CONTENT);
        }
        check_cookie(&http).await;
    })
    .await;
}

async fn check_cookie(http: &Http) {
    expect![[r#"<?xml version="1.0" encoding="UTF-8"?><cookie-config><domain></domain><secure>false</secure><name>crowd.token_key</name></cookie-config>"#]]
        .assert_eq(&http.get("/config/cookie").await.text);
    expect![[r#"{"domain":"","name":"crowd.token_key","secure":false}"#]]
        .assert_eq(&http.get_json("/config/cookie").await.to_string());
}

#[tokio::test]
async fn the_other_names_of_the_service_work_and_links_follow_them() {
    on_sqlite(async |db| {
        let http = server(&db).await;
        let path = "/rest/usermanagement/latest/user?username=ada";
        let answer =
            send(http.stranger(Method::GET, path).basic_auth("jira", Some(PASSWORD))).await;
        let link = "href=\"/crowd/rest/usermanagement/latest/user?username=ada\"";
        assert!(answer.text.contains(link), "{answer:?}");
    })
    .await;
}

#[tokio::test]
async fn a_read_is_remembered_once_a_minute() {
    on_both(async |db| {
        let http = server(&db).await;
        let read_at = async || -> Option<i64> {
            let (at,): (Option<i64>,) = rollcall::with_pool!(&db, pool =>
                sqlx::query_as("select last_read_at from targets").fetch_one(pool).await.unwrap());
            at
        };
        assert_eq!(read_at().await, None);
        // Whoever looks whether the service can be reached has read nobody.
        assert_eq!(http.get("/config/cookie").await.status, 200);
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(read_at().await, None);
        http.get("/search?entity-type=user").await;
        let first = loop {
            if let Some(at) = read_at().await {
                break at;
            }
            tokio::task::yield_now().await;
        };
        http.get("/config/cookie").await;
        tokio::time::sleep(std::time::Duration::from_millis(50)).await;
        assert_eq!(read_at().await, Some(first));
    })
    .await;
}
