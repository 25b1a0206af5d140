use askama::Template;

use super::*;

/// Every part of `macros/ui.html` and of `app.css` on one page, to look at.
#[derive(Template)]
#[template(path = "style_guide.html")]
struct StyleGuide {
    page: Page,
}

fn page(theme: Theme) -> Page {
    Page {
        title: "Style guide".to_owned(),
        path: "/connectors?status=held".to_owned(),
        account: Some(Account {
            name: "Ana".to_owned(),
            email: "ana@example.com".to_owned(),
            role: "Admin",
        }),
        nav: nav("/connectors/7/general", 1),
        theme,
        shortcuts: true,
        csrf: "token".to_owned(),
        flash: Some(Flash { role: Role::Success, text: "Saved.".to_owned() }),
        status_bar: Some(StatusBar {
            role: Role::Held,
            icon: "hand",
            text: "1 plan is waiting for approval: OneLogin Prod would deactivate 41 of 812."
                .to_owned(),
            href: "/approvals".to_owned(),
            action: "Review plan".to_owned(),
            more: 2,
        }),
        help: "/help".to_owned(),
        stylesheet: "app.css".to_owned(),
        script: "app.js".to_owned(),
        favicon: "favicon.svg".to_owned(),
    }
}

#[test]
fn no_part_has_a_style_or_a_script_of_its_own() {
    for theme in Theme::ALL {
        let html = StyleGuide { page: page(theme) }.render().unwrap();
        for refused in [" style=", "<style", "onclick=", "javascript:"] {
            assert!(!html.contains(refused), "{refused} in {theme:?}");
        }
        assert_eq!(html.matches("<script").count(), 1);
    }
}

#[test]
fn the_navigation_knows_where_a_page_belongs() {
    for (path, name) in [
        ("/", "Overview"),
        ("/connectors", "Connectors"),
        ("/connectors/7/general", "Connectors"),
        ("/plans/12", "Runs"),
        ("/groups/3", "Directory"),
        ("/health-report", "Health"),
    ] {
        let current: Vec<&str> =
            nav(path, 0).into_iter().filter(|it| it.current).map(|it| it.name).collect();
        assert_eq!(current, [name], "{path}");
    }
    assert!(nav("/nowhere", 0).iter().all(|it| !it.current));
}
