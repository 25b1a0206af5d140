//! `/help`: what the words and keys mean.

use askama::Template;

use crate::store::accounts::Role;
use crate::web::answer::{self, Answer};
use crate::web::page::Page;
use crate::web::visit::Visit;

#[derive(Debug, Template)]
#[template(path = "help.html")]
struct View {
    page: Page,
    words: &'static [(&'static str, &'static str)],
    statuses: &'static [(&'static str, &'static str)],
    roles: [Role; 4],
}

const WORDS: [(&str, &str); 9] = [
    ("Connector", "A configured source with its rules, schedule, limits and targets."),
    ("Source", "The identity provider that is read, for example OneLogin."),
    ("Target", "One directory in Atlassian that a connector keeps equal."),
    ("Scope", "Who takes part: everybody, or the members of the required groups."),
    ("Simulate", "Show what a sync would do, and change nothing."),
    ("Plan", "The changes of a run, each with its reason."),
    ("Held", "More would be taken away than the limits allow, so a person decides first."),
    ("Run", "One sync, with everything that it did."),
    ("Budget", "The API calls that are left this hour, and the minimum that stays for others."),
];

const STATUSES: [(&str, &str); 7] = [
    ("Healthy", "The last run went well."),
    ("Late", "The schedule is on, and the last success is longer ago than it should be."),
    ("Needs attention", "The last run failed. Its page says why, and what to do."),
    ("Held", "Changes wait for somebody who may approve them."),
    ("Paused", "The schedule was paused by somebody."),
    ("Never run", "It has not run yet. Simulate it first."),
    ("Draft", "It feeds no target yet."),
];

pub async fn show(visit: Visit) -> Answer {
    let page = visit.page("Help");
    answer::html(&View { page, words: &WORDS, statuses: &STATUSES, roles: Role::ALL })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::web::answer::samples::{self, check};

    #[test]
    fn help_tells_every_word_of_the_roles() {
        let page = samples::page("Help", "/help", Role::Viewer);
        let text = check(&View { page, words: &WORDS, statuses: &STATUSES, roles: Role::ALL });
        for role in Role::ALL {
            assert!(text.contains(role.means()), "{text}");
        }
    }
}
