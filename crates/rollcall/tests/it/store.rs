//! The store, by what it is asked to remember.

use crate::databases::on_both;

#[tokio::test]
async fn a_fresh_database_opens_and_closes() {
    on_both(async |db| {
        let tx = db.begin().await.unwrap();
        tx.commit().await.unwrap();
    })
    .await;
}
