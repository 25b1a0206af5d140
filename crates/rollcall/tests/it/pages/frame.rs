//! The frame of the pages in a real browser: reachable, readable, and quiet.

use rollcall::store::accounts::Role;

use super::browser::{PASSWORD, Service, account};
use super::chromium::{Scripts, in_window};
use super::window::{DESKTOP, Window, ZOOMED, key};
use crate::databases::on_sqlite;

/// A window in which an admin is signed in to a service that has nothing yet.
async fn at_work(window: &Window, test: impl AsyncFn(&Service)) {
    on_sqlite(async |db| {
        let service = Service::start(&db).await;
        let browser = service.signed_in(Role::Admin).await;
        window.sign_in_as(&browser, &service).await;
        window.goto(&service, "/").await;
        test(&service).await;
    })
    .await;
}

#[test]
fn a_phone_has_a_menu_without_scripts() {
    in_window(Scripts::Off, async |window| {
        at_work(window, async |_| {
            window.assert_accessible().await;
            window.size(ZOOMED).await;
            assert!(!window.has("Connectors").await, "the navigation is put away");
            window.click("Menu").await;
            window.click("Connectors").await;
            assert_eq!(window.path().await, "/connectors");
        })
        .await;
    });
}

#[test]
fn the_theme_is_chosen_in_the_account_menu() {
    in_window(Scripts::Off, async |window| {
        at_work(window, async |_| {
            window.prefer("light").await;
            let surface = "return getComputedStyle(document.documentElement).backgroundColor";
            assert_eq!(window.script(surface, vec![]).await, "rgb(255, 255, 255)");
            window.click("Account of Admin").await;
            window.click("Dark").await;
            window.becomes(surface, "rgb(29, 33, 37)").await;
            window.goto_again().await;
            window.becomes(surface, "rgb(29, 33, 37)").await;
        })
        .await;
    });
}

#[test]
fn every_part_is_accessible_in_both_themes_and_at_every_width() {
    in_window(Scripts::On, async |window| {
        at_work(window, async |service| {
            window.goto(service, "/style-guide").await;
            for scheme in ["light", "dark"] {
                window.prefer(scheme).await;
                for (width, size) in [("wide", DESKTOP), ("middle", (800, 600)), ("zoomed", ZOOMED)]
                {
                    window.size(size).await;
                    window.screenshot(&format!("style-guide-{scheme}-{width}")).await;
                    window.assert_fits().await;
                    window.assert_accessible().await;
                }
            }
        })
        .await;
    });
}

#[test]
fn somebody_signs_in_by_keyboard_alone_without_scripts() {
    in_window(Scripts::Off, async |window| {
        on_sqlite(async |db| {
            let service = Service::start(&db).await;
            account(&db, Role::Admin).await;
            let account = account(&db, Role::Viewer).await;
            window.goto(&service, "/connectors").await;
            window.sees("Sign in").await;
            window.tab_to("E-mail").await;
            window.press(account.email.as_str()).await;
            window.tab_to("Password").await;
            window.press("not it").await;
            window.press(key::ENTER).await;
            window.sees("E-mail or password is not right.").await;
            assert_eq!(window.value("E-mail").await, account.email.as_str());
            window.fill("Password", PASSWORD).await;
            window.press(key::ENTER).await;
            window.arrives("/connectors").await;
            assert_eq!(window.title().await, "Connectors · Rollcall");
            let added = "return document.querySelector('body > [role=status]')";
            assert!(window.script(added, vec![]).await.is_null(), "no script ran");
        })
        .await;
    });
}

#[test]
fn keys_lead_everywhere() {
    in_window(Scripts::On, async |window| {
        at_work(window, async |_| {
            window.press("gc").await;
            window.arrives("/connectors").await;
            window.press(&format!("{}k", key::CONTROL)).await;
            window.press("overv").await;
            window.press(key::DOWN).await;
            window.press(key::ENTER).await;
            window.arrives("/").await;
            window.press("?").await;
            window.sees("Next row of a table").await;
            window.assert_accessible().await;
            window.press(key::ESCAPE).await;
            window.press("/").await;
            window.press("gc").await;
            assert_eq!(window.path().await, "/", "whoever types does not want to go anywhere");
            window.press(key::ESCAPE).await;
            assert_eq!(window.value("Search or jump to").await, "");
        })
        .await;
    });
}

#[test]
fn unsaved_changes_are_counted_kept_and_discarded() {
    in_window(Scripts::On, async |window| {
        at_work(window, async |service| {
            window.goto(service, "/style-guide").await;
            window.sees("No unsaved changes").await;
            window.sees_not("1 unsaved").await;
            window.fill("Name", "OneLogin Test").await;
            window.sees("1 unsaved change").await;
            window.tab_to("Groups from member_of").await;
            window.press(key::SPACE).await;
            window.choose("Interval", "Every 15 minutes").await;
            window.sees("3 unsaved changes").await;
            let leave = "const leaving = new Event('beforeunload', { cancelable: true });
                dispatchEvent(leaving); return leaving.defaultPrevented;";
            assert_eq!(window.script(leave, vec![]).await, true, "the browser asks first");

            window.goto_again().await;
            window.sees("Your unsaved changes are back.").await;
            assert_eq!(window.value("Name").await, "OneLogin Test");
            assert!(window.is_checked("Groups from member_of").await);

            window.click("Discard").await;
            window.sees("No unsaved changes").await;
            assert_eq!(window.value("Name").await, "OneLogin Prod");
            assert_eq!(window.script(leave, vec![]).await, false);
            window.goto_again().await;
            window.sees("No unsaved changes").await;

            // A checklist is nothing to save; it comes back all the same.
            let step = "Click New Credential.";
            window.goto(service, "/connectors/new/onelogin").await;
            window.click(step).await;
            window.sees("No unsaved changes").await;
            assert_eq!(window.script(leave, vec![]).await, false);
            window.goto_again().await;
            assert!(window.is_checked(step).await);
            window.sees_not("Your unsaved changes are back.").await;

            // The command follows what is ticked and listed, too.
            let command = "return document.querySelector('[data-follows]').textContent";
            window.click("Groups from member_of").await;
            window.fill("Required OneLogin Groups", "Staff\n\nrole:Jira Users").await;
            let begins = "rollcall connector create OneLogin --base-url us --client-id ID \
                          --client-secret-file -";
            let required = "--required-group Staff --required-group 'role:Jira Users'";
            let told = format!("{begins} --groups-from member_of,roles,group {required}");
            window.becomes(command, &told).await;
            window.click("Groups from member_of").await;
            window.becomes(command, &format!("{begins} {required}")).await;
            window.click("Groups from roles").await;
            window.becomes(command, &format!("{begins} --groups-from group {required}")).await;
        })
        .await;
    });
}
