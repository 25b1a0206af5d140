use std::collections::BTreeSet;

use sandbox::onelogin::{
    AfterCursor, CursorEncoding, DefaultRow, Fault, Filter, Kind, OverMax, PageItems,
    UnknownFilter, When,
};

use crate::client::{Client, USERS, start};

#[tokio::test]
async fn a_page_tells_its_place_in_headers() {
    let sandbox = start(201).await;
    let reply = Client::of(&sandbox).await.get("/api/2/users").await;
    assert_eq!(reply.ids().len(), 100);
    assert_eq!(reply.header("total-count"), Some("201"));
    assert_eq!(reply.header("total-pages"), Some("3"));
    assert_eq!(reply.header("current-page"), Some("1"));
    assert_eq!(reply.header("page-items"), Some("100"));
    // Word for word as recorded.
    let page_two = "bGltaXQ9MTAwJnNvcnQ9aWQmcGFnZT0yJnNvcnRfZGlyZWN0aW9uPWFzYw==";
    assert_eq!(reply.header("after-cursor"), Some(page_two));
    assert_eq!(reply.header("before-cursor"), None);
    assert!(reply.header("link").unwrap().contains("/api/v5"));
    assert!(reply.header("x-request-id").is_some());
}

#[tokio::test]
async fn the_last_page_says_its_size_is_the_limit_and_has_no_next_cursor() {
    let sandbox = start(201).await;
    let client = Client::of(&sandbox).await;
    let reply = client.get("/api/2/users?limit=100&page=3").await;
    assert_eq!(reply.ids().len(), 1);
    assert_eq!(reply.header("page-items"), Some("100"));
    assert_eq!(reply.header("after-cursor"), None);

    sandbox.admin().set_quirks(|it| {
        it.page_items = PageItems::Count;
        it.after_cursor = AfterCursor::BeyondEnd;
        it.cursor_encoding = CursorEncoding::PercentEncoded;
    });
    let reply = client.get("/api/2/users?limit=100&page=3").await;
    assert_eq!(reply.header("page-items"), Some("1"));
    assert!(reply.header("after-cursor").unwrap().ends_with("%3D"));
}

#[tokio::test]
async fn pages_and_cursors_walk_over_everybody_in_order_of_id() {
    let sandbox = start(250).await;
    let client = Client::of(&sandbox).await;
    let mut by_page = Vec::new();
    for page in 1..=3 {
        by_page.extend(client.get(&format!("/api/2/users?limit=100&page={page}")).await.ids());
    }
    let mut by_cursor = Vec::new();
    let mut path = "/api/2/users?fields=id".to_owned();
    loop {
        let reply = client.get(&path).await;
        by_cursor.extend(reply.ids());
        let Some(cursor) = reply.header("after-cursor") else { break };
        path = format!("/api/2/users?fields=id&cursor={}", cursor.replace('=', "%3D"));
    }
    let everybody = sandbox.admin().with_tenant(|it| it.user_ids().to_vec());
    let mut backwards = client.get("/api/2/users?limit=1000&sort=-id").await.ids();
    backwards.reverse();
    assert_eq!(backwards, everybody);
    assert_eq!(by_page, everybody);
    assert_eq!(by_cursor, everybody);
    assert!(everybody.is_sorted());
}

#[tokio::test]
async fn a_cursor_beside_a_limit_or_a_page_is_refused_like_nonsense() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    for rest in ["limit=5", "page=1"] {
        let reply = client.get(&format!("/api/2/users?cursor=bGltaXQ9MQ&{rest}")).await;
        assert_eq!(reply.status, 400);
        let description = "Requests can only have cursor xor pagination arguments";
        assert_eq!(reply.json()["description"], description);
    }
    let beyond = client.get(&format!("/api/2/users?page={}", u64::MAX)).await;
    assert_eq!((beyond.status, beyond.body.as_slice()), (200, b"[]".as_slice()));
    for limit in ["0", "-1", "many"] {
        assert_eq!(client.get(&format!("/api/2/users?limit={limit}")).await.status, 400);
    }
    let reply = client.get("/api/2/users?cursor=1201").await;
    assert_eq!(
        (reply.status, &reply.json()["description"]),
        (400, &"Invalid pagination cursor".into())
    );
}

#[tokio::test]
async fn a_limit_above_the_maximum_is_clamped_or_refused() {
    let sandbox = start(120).await;
    let client = Client::of(&sandbox).await;
    sandbox.admin().set_quirks(|it| it.users_page_max = 50);
    let reply = client.get("/api/2/users?limit=1000").await;
    assert_eq!((reply.ids().len(), reply.header("page-items")), (50, Some("50")));
    for (over_max, status) in [(OverMax::BadRequest, 400), (OverMax::Unprocessable, 422)] {
        sandbox.admin().set_quirks(|it| it.over_max = over_max);
        assert_eq!(client.get("/api/2/users?limit=1000").await.status, status);
        assert_eq!(client.get("/api/2/users?limit=50").await.status, 200);
    }
}

#[tokio::test]
async fn rows_have_the_recorded_keys_unless_fields_are_named() {
    let sandbox = start(3).await;
    let client = Client::of(&sandbox).await;
    let keys = |reply: &crate::client::Reply| -> BTreeSet<String> {
        reply.json()[0].as_object().unwrap().keys().cloned().collect()
    };
    let plain = keys(&client.get("/api/2/users").await);
    assert_eq!(plain.len(), 22);
    assert!(!plain.contains("role_ids") && plain.contains("member_of"));
    sandbox.admin().set_quirks(|it| it.default_row = DefaultRow::Keys24);
    assert_eq!(keys(&client.get("/api/2/users").await).len(), 24);
    let named = keys(&client.get("/api/2/users?fields=id,role_ids,custom_attributes").await);
    assert_eq!(Vec::from_iter(named), ["custom_attributes", "id", "role_ids"]);
    let id = client.get("/api/2/users?fields=id").await.ids()[0];
    let one = client.get(&format!("/api/2/users/{id}")).await;
    assert_eq!(one.json().as_object().unwrap().len(), 33);
    assert_eq!(client.get("/api/2/users/9").await.json()["name"], "NotFoundError");
}

#[tokio::test]
async fn an_unknown_field_is_named_in_a_422() {
    let sandbox = start(3).await;
    let reply = Client::of(&sandbox).await.get("/api/2/users?fields=id,fisrtName").await;
    assert_eq!(reply.status, 422);
    assert_eq!(reply.json()["field"], "fisrtName");
    assert_eq!(reply.json()["message"], "Invalid display field(s) for User: fisrtName");
}

#[tokio::test]
async fn filters_select_by_id_group_role_time_and_text() {
    let sandbox = start(300).await;
    let client = Client::of(&sandbox).await;
    let users: Vec<_> = sandbox.admin().with_tenant(|tenant| {
        tenant.user_ids().iter().map(|it| tenant.user(*it).unwrap().into_owned()).collect()
    });
    let ids = |fits: &dyn Fn(&sandbox::onelogin::User) -> bool| -> Vec<i64> {
        users.iter().filter(|it| fits(it)).map(|it| it.id).collect()
    };
    let group = users.iter().find_map(|it| it.group_id).unwrap();
    let role = users.iter().find_map(|it| it.role_ids.first()).copied().unwrap();
    let updated = users[42].updated_at.unwrap();
    let email = users[7].email.clone().unwrap();
    let cases: [(String, Vec<i64>); 5] = [
        (format!("group_id={group}"), ids(&|it| it.group_id == Some(group))),
        (format!("role_ids={role}"), ids(&|it| it.role_ids.contains(&role))),
        (format!("updated_since={}", updated.text()), ids(&|it| Some(updated) <= it.updated_at)),
        (format!("user_ids={},9,{}", users[5].id, users[2].id), vec![users[2].id, users[5].id]),
        (format!("email={}*", email.to_uppercase().split_once('@').unwrap().0), vec![users[7].id]),
    ];
    for (filter, expected) in cases {
        let reply = client.get(&format!("/api/2/users?limit=1000&fields=id&{filter}")).await;
        assert_eq!(reply.ids(), expected, "{filter}");
        assert_eq!(reply.header("total-count"), Some(expected.len().to_string().as_str()));
        assert!(!expected.is_empty() && expected.len() < 300, "{filter} selects some");
    }
}

#[tokio::test]
async fn an_ignored_filter_selects_everybody() {
    let sandbox = start(30).await;
    let client = Client::of(&sandbox).await;
    sandbox.admin().set_quirks(|it| {
        it.group_filter = Filter::Ignored;
        it.role_filter = Filter::Ignored;
    });
    for filter in ["group_id=470000", "role_ids=400000", "shoe_size=42"] {
        assert_eq!(client.get(&format!("/api/2/users?{filter}")).await.ids().len(), 30);
    }
    sandbox.admin().set_quirks(|it| it.unknown_filter = UnknownFilter::BadRequest);
    assert_eq!(client.get("/api/2/users?shoe_size=42").await.status, 400);
}

#[tokio::test]
async fn a_fault_for_one_page_spares_the_others() {
    let sandbox = start(30).await;
    let client = Client::of(&sandbox).await;
    sandbox.admin().inject(Fault::always(When::page(USERS, 2), Kind::HtmlPage { status: 502 }));
    for (page, status) in [(1, 200), (2, 502), (3, 200), (2, 502)] {
        let reply = client.get(&format!("/api/2/users?limit=10&page={page}")).await;
        assert_eq!(reply.status, status);
    }
}
