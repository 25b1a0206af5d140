//! Five of a hundred good requests fail, by many seeds.

use std::time::Duration;

use futures_util::{StreamExt, stream};
use sandbox::onelogin::{Options, Tenant};

use super::{assert_helpful, assert_whole, population, read, start_with};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn chaos_delays_a_read_and_never_shortens_it() {
    let seeds = (0..60).map(|seed| {
        tokio::spawn(async move {
            let mut options = Options::quiet(seed);
            options.chaos_percent = if seed.is_multiple_of(10) { 40 } else { 5 };
            options.latency = Duration::from_millis(1);
            options.quirks.users_page_max = 50;
            let sandbox = start_with(Tenant::generate(&population(1_500)), options).await;
            let what = format!("seed {seed}");
            match read(&sandbox).await {
                Ok(read) => {
                    assert_whole(&what, &sandbox, &read);
                    true
                }
                Err(error) => {
                    assert_helpful(&what, &error);
                    false
                }
            }
        })
    });
    let whole: Vec<bool> =
        stream::iter(seeds).buffer_unordered(20).map(|it| it.unwrap()).collect().await;
    let count = whole.iter().filter(|it| **it).count();
    assert!(54 <= count, "{count} of 60 reads got through five percent");
}
