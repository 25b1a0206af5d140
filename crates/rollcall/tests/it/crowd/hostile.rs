//! Clients that mean harm, or do not know better.

use reqwest::StatusCode;
use rollcall::store::Db;

use super::server::{Http, serve};
use super::world::{publish, publish_records, records, target};
use super::xml::Node;
use crate::databases::{on_both, on_sqlite};

async fn server(db: &Db) -> Http {
    let jira = target(db, "jira").await;
    publish(db, jira, "1 ada mail=ada@acme.test : dev\n2 bob\n3 Zoë : dev\n4 cyd off").await;
    publish(db, jira, "1 ada mail=ada@acme.test : dev\n2 bob : dev\n3 Zoë : dev\n4 cyd").await;
    publish(db, jira, "1 ada mail=ada@acme.test : dev\n2 bob : dev\n3 Zoë : dev\n4 cyd off").await;
    Http::new(&serve(db).await, "jira", "test")
}

fn property(name: &str, mode: &str, value: &str) -> String {
    format!(
        "<property-search-restriction><property><name>{name}</name><type>STRING</type></property>\
         <match-mode>{mode}</match-mode><value>{value}</value></property-search-restriction>"
    )
}

/// Whom a search in XML finds.
async fn check_xml(http: &Http, restriction: &str, expected: &[&str]) {
    let answer = http.post("/search?entity-type=user", restriction).await;
    assert_eq!(answer.status, StatusCode::OK, "{restriction} {answer:?}");
    assert_eq!(Node::parse(&answer.text).names(), expected, "{restriction}");
}

#[tokio::test]
async fn restrictions_in_xml_find_who_fits() {
    on_both(async |db| {
        let http = server(&db).await;
        check_xml(&http, &property("name", "EXACTLY_MATCHES", "ADA"), &["ada"]).await;
        check_xml(&http, &property("name", "EXACTLY_MATCHES", "zoË"), &["Zoë"]).await;
        check_xml(&http, &property("email", "CONTAINS", "@ACME"), &["ada", "bob", "cyd", "Zoë"]).await;
        check_xml(&http, &property("name", "STARTS_WITH", "b"), &["bob"]).await;
        check_xml(&http, &property("name", "ENDS_WITH", "d"), &["cyd"]).await;
        check_xml(&http, &property("active", "EXACTLY_MATCHES", "false"), &["cyd"]).await;
        check_xml(&http, &property("createdDate", "LESS_THAN", "2020-01-01T00:00:00.000+0000"), &[]).await;
        check_xml(&http, &property("createdDate", "GREATER_THAN", "2020-01-01T00:00:00.000+0000"), &["ada", "bob", "cyd", "Zoë"]).await;
        check_xml(&http, &property("department", "EXACTLY_MATCHES", "x"), &[]).await;
        check_xml(&http, &property("name", "CONTAINS", "' or 1=1 --%_*"), &[]).await;
        check_xml(&http, &property("name", "CONTAINS", "a&#x64;<![CDATA[a]]>"), &["ada"]).await;
        let (ada, bob) = (property("name", "CONTAINS", "ada"), property("name", "CONTAINS", "bob"));
        for (logic, expected) in [("or", &["ada", "bob"][..]), ("AND", &[])] {
            let both = format!("<boolean-search-restriction boolean-logic=\"{logic}\"><restrictions>{ada}{bob}</restrictions></boolean-search-restriction>");
            check_xml(&http, &both, expected).await;
        }
        check_xml(&http, "", &["ada", "bob", "cyd", "Zoë"]).await;
    })
    .await;
}

#[tokio::test]
async fn restrictions_in_cql_find_who_fits() {
    on_both(async |db| {
        let http = server(&db).await;
        for (cql, expected) in [
            ("", "ada bob cyd Zoë"),
            ("name = \"ada\"", "ada"),
            ("name=a*a", "ada"),
            ("name = *o* and active = true", "bob Zoë"),
            ("name = ada or name = bob and active = false", "ada"),
            ("(name = ada or name = bob) and email = *@acme.test", "ada bob"),
            ("firstName = null", "ada bob cyd Zoë"),
            ("createdDate > 2020-01-01 AND name = 'cyd'", "cyd"),
            ("createdDate < 2020-01-01", ""),
            ("name = \"a\\\"b\"", ""),
        ] {
            let path = "/search?entity-type=USER";
            let request = http.request(reqwest::Method::GET, path).query(&[("restriction", cql)]);
            let answer = super::server::send(request).await;
            assert_eq!(answer.status, StatusCode::OK, "{cql} {answer:?}");
            assert_eq!(Node::parse(&answer.text).names().join(" "), expected, "{cql}");
        }
    })
    .await;
}

#[tokio::test]
async fn restrictions_in_json_find_who_fits() {
    on_sqlite(async |db| {
        let http = server(&db).await;
        for (json, expected) in [
            ("{}", "ada bob cyd Zoë"),
            (r#"{"restriction-type":"null-search-restriction"}"#, "ada bob cyd Zoë"),
            (r#"{"restriction-type":"property-search-restriction","property":{"name":"name","type":"STRING"},"match-mode":"CONTAINS","value":"d"}"#, "ada cyd"),
            (r#"{"property":{"name":"active","type":"BOOLEAN"},"match-mode":"EXACTLY_MATCHES","value":false}"#, "cyd"),
            (r#"{"boolean-logic":"or","restrictions":[{"property":{"name":"name"},"value":"ada"},{"property":{"name":"name"},"value":"bob"}]}"#, "ada bob"),
        ] {
            let request = http.request(reqwest::Method::POST, "/search?entity-type=user");
            let request = request.header("content-type", "application/json").body(json);
            let answer = super::server::send(request).await;
            assert_eq!(answer.status, StatusCode::OK, "{json} {answer:?}");
            assert_eq!(Node::parse(&answer.text).names().join(" "), expected, "{json}");
        }
    })
    .await;
}

#[tokio::test]
async fn pages_end_where_the_list_ends() {
    on_both(async |db| {
        let http = server(&db).await;
        for (page, expected) in [
            ("max-results=2", "ada bob"),
            ("start-index=2&max-results=2", "cyd Zoë"),
            ("start-index=3&max-results=-1", "Zoë"),
            ("start-index=4", ""),
            ("start-index=9223372036854775807&max-results=9223372036854775807", ""),
            ("max-results=9223372036854775807", "ada bob cyd Zoë"),
            ("max-results=0", ""),
        ] {
            let answer = http.get(&format!("/search?entity-type=user&{page}")).await;
            assert_eq!(Node::parse(&answer.text).names().join(" "), expected, "{page}");
        }
        for page in [
            "max-results=-2",
            "start-index=-1",
            "max-results=all",
            "start-index=99999999999999999999",
        ] {
            let answer = http.get(&format!("/search?entity-type=user&{page}")).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{page}");
        }
    })
    .await;
}

#[tokio::test]
async fn requests_that_make_no_sense_are_told_so() {
    on_sqlite(async |db| {
        let http = server(&db).await;
        for path in [
            "/search",
            "/search?entity-type=",
            "/search?entity-type=car",
            "/search?entity-type=user&restriction=name",
            "/search?entity-type=user&restriction=name%20=",
            "/search?entity-type=user&restriction=name%20=%20%22ada",
            "/search?entity-type=user&restriction=%28name=ada",
            "/search?entity-type=user&restriction=name=ada%29",
            "/search?entity-type=user&restriction=name=ada%20bob",
            "/search?entity-type=user&restriction=name%3Cada",
            "/search?entity-type=user&restriction=active=maybe",
            "/search?entity-type=user&restriction=createdDate%3Eyesterday",
            "/user",
            "/user?username=",
            "/group",
            "/user/group/direct",
            "/group/user/direct?username=ada",
        ] {
            let answer = http.get(path).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path}");
            assert!(answer.text.contains("<reason>ILLEGAL_ARGUMENT</reason>"), "{answer:?}");
        }
        let deep = format!("/search?entity-type=user&restriction={}", "%28".repeat(1000));
        assert_eq!(http.get(&deep).await.status, StatusCode::BAD_REQUEST);
    })
    .await;
}

#[tokio::test]
async fn xml_that_reaches_beyond_itself_is_not_read() {
    on_sqlite(async |db| {
        let http = server(&db).await;
        let deep = format!("{}{}", "<a>".repeat(40), "</a>".repeat(40));
        let many: String = (0..1_100).map(|it| format!(" a{it}=\"\"")).collect();
        let bodies = [
            "<!DOCTYPE x [<!ENTITY e SYSTEM \"file:///etc/passwd\">]><null-search-restriction>&e;</null-search-restriction>",
            "<!DOCTYPE x [<!ENTITY a \"aaaa\"><!ENTITY b \"&a;&a;&a;\">]><x>&b;</x>",
            "<!DOCTYPE x SYSTEM \"http://127.0.0.1:1/x.dtd\"><x/>",
            "<!DOCTYPE x [<!ENTITY % p SYSTEM \"http://127.0.0.1:1/x\"> %p;]><x/>",
            "<null-search-restriction>&nbsp;</null-search-restriction>",
            "<null-search-restriction a=\"&e;\"/>",
            "<?xml version=\"1.0\" encoding=\"UTF-16\"?><null-search-restriction/>",
            "<?xml version=\"1.0\" encoding=\"UTF-7\"?><null-search-restriction/>",
            "<null-search-restriction>",
            "<null-search-restriction/><null-search-restriction/>",
            "<null-search-restriction></wrong>",
            "<null-search-restriction a=\"1\" a=\"2\"/>",
            "plain text",
            "<xi:include xmlns:xi=\"http://www.w3.org/2001/XInclude\" href=\"file:///etc/passwd\"/>",
            "<car/>",
            "<property-search-restriction/>",
            &deep,
            &format!("<null-search-restriction{many}/>"),
        ];
        for body in bodies {
            for path in ["/search?entity-type=user", "/authentication?username=ada", "/session"] {
                let answer = http.post(path, body).await;
                assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{path} {body:.100}");
                assert!(!answer.text.contains("root:"), "{answer:?}");
            }
            let answer = http.post("/search?entity-type=user", body).await;
            assert!(answer.text.contains("<reason>ILLEGAL_ARGUMENT</reason>"), "{body:.100} {answer:?}");
        }
        let large = format!("<null-search-restriction>{}</null-search-restriction>", " ".repeat(70_000));
        let answer = http.post("/search?entity-type=user", &large).await;
        assert_eq!(answer.status, StatusCode::PAYLOAD_TOO_LARGE);
        let bytes = http.request(reqwest::Method::POST, "/search?entity-type=user").body(&b"\xff\xfe<\0a\0/\0>\0"[..]);
        assert_eq!(super::server::send(bytes).await.status, StatusCode::BAD_REQUEST);
    })
    .await;
}

#[tokio::test]
async fn json_that_makes_no_sense_is_not_read() {
    on_sqlite(async |db| {
        let http = server(&db).await;
        let deep = format!(
            "{}{}",
            r#"{"boolean-logic":"or","restrictions":["#.repeat(40),
            "]}".repeat(40)
        );
        let deeper = "[".repeat(10_000);
        for body in [
            "{",
            "[]",
            "1",
            r#"{"restriction-type":"car"}"#,
            r#"{"restrictions":[]}"#,
            r#"{"property":{}}"#,
            &deep,
            &deeper,
        ] {
            let request = http.request(reqwest::Method::POST, "/search?entity-type=user");
            let request = request
                .header("content-type", "application/json")
                .header("accept", "application/json");
            let answer = super::server::send(request.body(body.to_owned())).await;
            assert_eq!(answer.status, StatusCode::BAD_REQUEST, "{body:.100}");
            assert!(answer.text.contains(r#""reason":"ILLEGAL_ARGUMENT""#), "{answer:?}");
        }
    })
    .await;
}

#[tokio::test]
async fn odd_names_arrive_as_they_are() {
    on_both(async |db| {
        let jira = target(&db, "jira").await;
        let mut people = records("1 a : g\n2 b : h\n3 c : i");
        people[0].username = Some("o'neil\"<&>\\/ %41+;".into());
        people[1].username = Some("日本 ß Ǆ 🦀".into());
        people[1].display_name = Some("x\u{ad}\u{200d}\u{fffd}".into());
        people[2].username = Some("]]><!--&amp;".into());
        let names: Vec<String> =
            people.iter().map(|it| it.username.as_deref().unwrap().to_owned()).collect();
        publish_records(&db, jira, people).await;
        let http = Http::new(&serve(&db).await, "jira", "test");
        let answer = http.post("/search?entity-type=user&expand=user", "").await;
        let mut found = Node::parse(&answer.text).names();
        found.sort();
        let mut expected = names.clone();
        expected.sort();
        assert_eq!(found, expected);
        for name in &names {
            let request = http.request(reqwest::Method::GET, "/user").query(&[("username", name)]);
            let answer = super::server::send(request).await;
            let user = Node::parse(&answer.text);
            assert_eq!(user.attribute("name"), name);
            // The link leads back to the same user.
            let link = user.child("link").attribute("href");
            let path = link.strip_prefix("/crowd/rest/usermanagement/1").unwrap();
            assert_eq!(Node::parse(&http.get(path).await.text).attribute("name"), name);
        }
    })
    .await;
}

#[tokio::test]
async fn what_xml_cannot_hold_is_left_out() {
    on_both(async |db| {
        let jira = target(&db, "jira").await;
        publish(&db, jira, "1 ada : dev").await;
        let sql = "update directory_users set display_name = $1, first_name = $2";
        rollcall::with_pool!(&db, pool => {
            sqlx::query(sql).bind("a\u{1}\u{b}b\u{ffff}c").bind("x\ty\r\nz").execute(pool).await.unwrap();
        });
        let http = Http::new(&serve(&db).await, "jira", "test");
        let user = Node::parse(&http.get("/user?username=ada").await.text);
        assert_eq!(user.child("display-name").text, "abc");
        assert_eq!(user.child("first-name").text, "x\ty\r\nz");
    })
    .await;
}
