//! Whom to ask where somebody may look and not change.

use crate::store::accounts::{self, Role};
use crate::web::App;
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

/// So many are named.
const NAMED_MAX: usize = 5;

/// What is told to somebody who may not change what a page shows, with the names of those who may;
/// empty for an admin.
pub async fn to_ask(app: &App, visit: &Visit) -> Result<String, Refusal> {
    if visit.may(Role::Admin) {
        return Ok(String::new());
    }
    let known = accounts::list(app.db()).await?;
    let admins = known.iter().filter(|it| it.role == Role::Admin && it.enabled);
    let admins: Vec<&str> = admins.map(|it| it.name.as_str()).take(NAMED_MAX).collect();
    Ok(match admins.as_slice() {
        [] => "Ask an admin to change it.".to_owned(),
        admins => format!("Ask an admin to change it: {}.", admins.join(", ")),
    })
}
