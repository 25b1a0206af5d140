//! The founding guide, walked from the set-up page of a service that was just started to its
//! schedule, by what stands on the pages and never by an address; and what surrounds it.

mod core;
mod whole;

use sandbox::onelogin::{Data, Options, Population, Sandbox, Tenant};

use super::chromium::{Scripts, in_window};
use super::fresh::Fresh;
use super::person::{Eyes, Hands, Person};
use super::window::{DESKTOP, ZOOMED};

const CONNECTOR: &str = "OneLogin Prod";
const SURFACE: &str = "return getComputedStyle(document.documentElement).backgroundColor";
const DARK: &str = "rgb(29, 33, 37)";

#[test]
fn the_whole_guide_is_walked_by_mouse() {
    in_window(Scripts::On, async |window| {
        let person = Person::at(window, Hands::Mouse, Eyes::Thorough, DESKTOP).await;
        let walk = Walk::new(person, Scripts::On, 240).await;
        walk.core().await;
        walk.whole().await;
        walk.person.assert_content();
    });
}

#[test]
fn the_guide_is_walked_by_keyboard_alone_where_the_system_is_dark() {
    in_window(Scripts::On, async |window| {
        window.prefer("dark").await;
        let person = Person::at(window, Hands::Keyboard, Eyes::Quick, DESKTOP).await;
        let walk = Walk::new(person, Scripts::On, 40).await;
        walk.core().await;
        window.becomes(SURFACE, DARK).await;
        walk.person.assert_content();
    });
}

#[test]
fn the_guide_is_walked_without_scripts_where_somebody_chose_the_dark() {
    in_window(Scripts::Off, async |window| {
        window.prefer("light").await;
        let person = Person::at(window, Hands::Mouse, Eyes::Careful, DESKTOP).await;
        let walk = Walk::new(person, Scripts::Off, 40).await;
        walk.set_up().await;
        walk.person.go("Settings").await;
        walk.person.click("Appearance").await;
        walk.person.pick("Dark").await;
        walk.person.click("Save").await;
        window.becomes(SURFACE, DARK).await;
        walk.after_set_up().await;
        window.becomes(SURFACE, DARK).await;
        walk.person.assert_content();
    });
}

#[test]
fn the_guide_is_walked_at_400_percent_without_scripts_by_keyboard_alone() {
    in_window(Scripts::Off, async |window| {
        let person = Person::at(window, Hands::Keyboard, Eyes::Careful, ZOOMED).await;
        let walk = Walk::new(person, Scripts::Off, 40).await;
        walk.core().await;
        walk.person.assert_content();
    });
}

#[test]
fn the_guide_is_walked_at_400_percent_by_mouse() {
    in_window(Scripts::On, async |window| {
        let person = Person::at(window, Hands::Mouse, Eyes::Quick, ZOOMED).await;
        let walk = Walk::new(person, Scripts::On, 40).await;
        walk.core().await;
        walk.person.assert_content();
    });
}

/// Somebody with the guide in hand, a service that knows nothing yet, and a OneLogin.
struct Walk<'a> {
    person: Person<'a>,
    scripts: Scripts,
    service: Fresh,
    sandbox: Sandbox,
}

impl Walk<'_> {
    async fn new(person: Person<'_>, scripts: Scripts, users: u32) -> Walk<'_> {
        let data = Data::Clean;
        let population =
            Population { users, roles: 8, groups: 3, roles_per_user: 2, seed: 7, data };
        let tenant = Tenant::generate(&population);
        let sandbox = sandbox::onelogin::start(tenant, Options::quiet(7)).await.unwrap();
        let service = tokio::task::spawn_blocking(Fresh::start).await.unwrap();
        Walk { person, scripts, service, sandbox }
    }

    async fn core(&self) {
        self.set_up().await;
        self.after_set_up().await;
    }

    /// Takes a picture for the documents, where pictures are taken.
    async fn picture(&self, name: &str, height: u32) {
        if self.person.eyes == Eyes::Thorough {
            let instead = [
                (self.service.url.as_str(), "https://rollcall.example.com"),
                (&self.sandbox.base_url(), "https://acme.onelogin.com"),
                ("127.0.0.1", "192.0.2.10"),
            ];
            self.person.window.picture(name, height, &instead).await;
        }
    }

    /// Looks at a page whose state is looked at thoroughly by the tests of the site, with scripts.
    async fn pass(&self, state: &str) {
        match self.person.eyes {
            Eyes::Careful => self.person.look(state).await,
            Eyes::Quick | Eyes::Thorough => self.person.glance(state).await,
        }
    }

    /// Looks at a page, and takes its picture.
    async fn look(&self, state: &str) {
        self.person.look(state).await;
        if self.person.eyes == Eyes::Thorough {
            self.person.window.screenshot(&format!("walk-{}", state.replace(' ', "-"))).await;
        }
    }
}
