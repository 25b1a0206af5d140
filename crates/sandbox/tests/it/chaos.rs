use sandbox::onelogin::{self, Options, Tenant};

use crate::client::{Client, population};

/// What 300 calls meet: a status, or `None` for a broken connection.
async fn fates(seed: u64, chaos_percent: u8) -> Vec<Option<(u16, usize)>> {
    let tenant = Tenant::generate(&population(40));
    let options = Options { chaos_percent, ..Options::quiet(seed) };
    let sandbox = onelogin::start(tenant, options).await.unwrap();
    let mut client = Client::of_nobody(&sandbox);
    for _ in 0..20 {
        if client.is_locked_out() {
            client.renew(&sandbox).await;
        }
    }
    let mut fates = Vec::new();
    for _ in 0..300 {
        let reply = client.try_get("/api/2/users?fields=id,title,company,phone").await;
        fates.push(reply.ok().map(|it| (it.status, it.body.len())));
    }
    fates
}

#[tokio::test]
async fn the_same_seed_makes_the_same_trouble() {
    let first = fates(3, 20).await;
    assert_eq!(first, fates(3, 20).await);
    assert_ne!(first, fates(4, 20).await);
}

#[tokio::test]
async fn a_share_of_calls_fails_in_ways_that_a_second_try_cures() {
    let fates = fates(3, 20).await;
    let is_bad = |it: &&Option<(u16, usize)>| {
        it.is_none_or(|(status, length)| status != 200 || length < 100)
    };
    let bad = fates.iter().filter(is_bad).count();
    assert!((30..90).contains(&bad), "20 of 100: {bad} of 300");
    for fate in &fates {
        let is_curable = fate.is_none_or(|(status, _)| [200, 429, 502, 503, 504].contains(&status));
        assert!(is_curable, "{fate:?}");
    }
    assert!(fates.contains(&None), "some connections break");
}

#[tokio::test]
async fn empty_values_change_their_form_under_chaos_only() {
    let good = |fates: Vec<Option<(u16, usize)>>| {
        let lengths = fates.into_iter().flatten().filter(|it| it.0 == 200 && 100 < it.1);
        lengths.map(|it| it.1).collect::<std::collections::BTreeSet<usize>>()
    };
    assert_eq!(good(fates(3, 0).await).len(), 1);
    assert_eq!(good(fates(3, 5).await).len(), 3);
}
