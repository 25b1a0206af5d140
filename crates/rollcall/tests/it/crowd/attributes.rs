//! Further attributes of users, as products ask for them.

use std::sync::Arc;

use expect_test::expect;
use reconcile::plan::Change;
use reconcile::principal::{Attributes, ExternalId, User};
use reqwest::StatusCode;

use super::server::{Http, serve};
use super::world::{apply, directory, target, user};
use crate::databases::{on_both, on_both_alike};

fn with(line: &str, attributes: &[(&str, &str)]) -> Arc<User> {
    let attributes = attributes.iter().map(|&(name, value)| (name.into(), value.into())).collect();
    let attributes = Attributes::new(attributes);
    let source_id = Some(ExternalId::new("s1"));
    Arc::new(User { attributes, source_id, ..User::clone(&user(line)) })
}

#[tokio::test]
async fn attributes_are_read_back_to_the_letter() {
    on_both(async |db| {
        let jira = target(&db, "jira").await;
        let odd =
            with("1 ada", &[("synch.title", "\"R&D\" <\\> 'x'"), ("synch.ünï", "日本 {rows}")]);
        let plain = user("2 bob");
        let create = [&odd, &plain].map(|user| Change::Create { user: Arc::clone(user) });
        apply(&db, jira, 0, create.to_vec()).await.unwrap();
        let users = directory(&db, jira).await.users;
        assert_eq!(users.into_values().collect::<Vec<_>>(), [odd, plain]);
    })
    .await;
}

#[tokio::test]
async fn attributes_are_served_where_they_are_asked_for_and_told_as_news() {
    let told = on_both_alike(async |db| {
        let jira = target(&db, "jira").await;
        let before = with("1 ada", &[("synch.title", "Engineer")]);
        let after = with("1 ada", &[("synch.department", "R&D"), ("synch.title", "Lead")]);
        let less = with("1 ada", &[("synch.title", "Lead")]);
        let http = Http::new(&serve(&db).await, "jira", "test");
        let create = Change::Create { user: Arc::clone(&before) };
        apply(&db, jira, 0, vec![create]).await.unwrap();
        let update = Change::Update { before, after: Arc::clone(&after) };
        apply(&db, jira, 1, vec![update]).await.unwrap();
        let mut told = Vec::new();
        for path in [
            "/user/attribute?username=ada",
            "/search?entity-type=user&start-index=0&max-results=-1&expand=user,attributes",
            "/search?entity-type=user&start-index=0&max-results=-1&expand=user",
            "/event/e1.1",
        ] {
            let text = http.get(path).await.text;
            let parts = text
                .split("<created-date>")
                .map(|it| it.split_once("</updated-date>").map_or(it, |(_, rest)| rest));
            told.push(parts.collect::<String>().replace("><", ">\n<").replace(">\n</", "></"));
        }
        told.push(http.get_json("/user/attribute?username=ada").await.to_string());
        // Whoever asks for news may not know what was lost, so everything is read again.
        apply(&db, jira, 2, vec![Change::Update { before: after, after: less }]).await.unwrap();
        assert_eq!(http.get("/event/e1.2").await.status, StatusCode::GONE);
        told.join("\n\n")
    });
    expect![[r#"
        <?xml version="1.0" encoding="UTF-8"?>
        <attributes>
        <link href="/crowd/rest/usermanagement/1/user?username=ada" rel="self"/>
        <attribute name="synch.department">
        <values>
        <value>R&amp;D</value></values></attribute>
        <attribute name="synch.title">
        <values>
        <value>Lead</value></values></attribute></attributes>

        <?xml version="1.0" encoding="UTF-8"?>
        <users expand="user">
        <user name="ada" expand="attributes">
        <link href="/crowd/rest/usermanagement/1/user?username=ada" rel="self"/>
        <first-name></first-name>
        <last-name></last-name>
        <display-name>The ada</display-name>
        <email>ada@acme.test</email>
        <key>1</key>
        <active>true</active>
        <attributes>
        <link href="/crowd/rest/usermanagement/1/user?username=ada" rel="self"/>
        <attribute name="synch.department">
        <values>
        <value>R&amp;D</value></values></attribute>
        <attribute name="synch.title">
        <values>
        <value>Lead</value></values></attribute></attributes></user></users>

        <?xml version="1.0" encoding="UTF-8"?>
        <users expand="user">
        <user name="ada" expand="attributes">
        <link href="/crowd/rest/usermanagement/1/user?username=ada" rel="self"/>
        <first-name></first-name>
        <last-name></last-name>
        <display-name>The ada</display-name>
        <email>ada@acme.test</email>
        <key>1</key>
        <active>true</active></user></users>

        <?xml version="1.0" encoding="UTF-8"?>
        <events newEventToken="e1.2n" incrementalSynchronisationAvailable="true">
        <userEvent>
        <operation>UPDATED</operation>
        <storedAttributes>
        <attribute name="synch.department">
        <values>
        <value>R&amp;D</value></values></attribute>
        <attribute name="synch.title">
        <values>
        <value>Lead</value></values></attribute></storedAttributes>
        <user name="ada">
        <first-name></first-name>
        <last-name></last-name>
        <display-name>The ada</display-name>
        <email>ada@acme.test</email>
        <key>1</key>
        <active>true</active></user></userEvent></events>

        {"attributes":[{"name":"synch.department","values":["R&D"]},{"name":"synch.title","values":["Lead"]}],"link":{"href":"/crowd/rest/usermanagement/1/user?username=ada","rel":"self"}}"#]].assert_eq(&told.await);
}
