//! Somebody at a window, who does the same by mouse or by keyboard alone.

use std::cell::RefCell;

use super::window::{Rules, Window, ZOOMED, key};

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Hands {
    Mouse,
    /// Tab and Enter, space and arrows, and nothing but text beside them.
    Keyboard,
}

/// What somebody pays attention to on the way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Eyes {
    /// Whether everything fits into the window.
    Quick,
    /// What axe finds in the theme that they have, too.
    Careful,
    /// What axe finds in both themes; and they take pictures.
    Thorough,
}

#[derive(Debug)]
pub(crate) struct Person<'a> {
    pub(crate) window: &'a Window,
    pub(crate) hands: Hands,
    pub(crate) eyes: Eyes,
    pub(crate) size: (u32, u32),
    /// What was wrong with the pages on the way.
    wrong: RefCell<Vec<String>>,
}

impl<'a> Person<'a> {
    pub(crate) async fn at(window: &'a Window, hands: Hands, eyes: Eyes, size: (u32, u32)) -> Self {
        window.size(size).await;
        Person { window, hands, eyes, size, wrong: RefCell::default() }
    }

    /// Follows a link or presses a button.
    pub(crate) async fn click(&self, name: &str) {
        match self.hands {
            Hands::Mouse => self.window.click(name).await,
            Hands::Keyboard => {
                self.reach(name, &["link", "button", "DisclosureTriangle"]).await;
                self.window.press(key::ENTER).await;
            }
        }
    }

    /// Goes to a page by the navigation, which small windows have behind a button.
    pub(crate) async fn go(&self, page: &str) {
        if self.size == ZOOMED {
            self.click("Menu").await;
        }
        self.click(page).await;
    }

    /// Ticks a box or throws a switch.
    pub(crate) async fn tick(&self, label: &str) {
        match self.hands {
            Hands::Mouse => self.window.click(label).await,
            Hands::Keyboard => {
                self.reach(label, &["checkbox", "switch"]).await;
                self.window.press(key::SPACE).await;
            }
        }
    }

    /// Takes one of several.
    pub(crate) async fn pick(&self, label: &str) {
        match self.hands {
            Hands::Mouse => self.window.click(label).await,
            Hands::Keyboard => {
                self.window.tab_to_choices(label).await;
                for _ in 0..10 {
                    let at = self.window.reached().await;
                    assert_eq!(at.role, "radio", "{at:?}");
                    if at.name == label {
                        return;
                    }
                    self.window.press(key::DOWN).await;
                }
                panic!("the arrow keys do not reach {label:?}");
            }
        }
    }

    pub(crate) async fn fill(&self, label: &str, text: &str) {
        match self.hands {
            Hands::Mouse => self.window.fill(label, text).await,
            Hands::Keyboard => {
                self.reach(label, &["textbox", "searchbox", "spinbutton"]).await;
                self.window.press(&format!("{}a", key::CONTROL)).await;
                self.window.press(text).await;
            }
        }
    }

    pub(crate) async fn choose(&self, label: &str, option: &str) {
        match self.hands {
            Hands::Mouse => self.window.choose(label, option).await,
            Hands::Keyboard => {
                self.reach(label, &["combobox"]).await;
                self.window.press(key::HOME).await;
                let chosen = "return document.activeElement.selectedOptions[0].text";
                for _ in 0..50 {
                    if self.window.script(chosen, vec![]).await == option {
                        return;
                    }
                    self.window.press(key::DOWN).await;
                }
                panic!("the arrow keys do not reach {option:?} of {label:?}");
            }
        }
    }

    /// Waits until the page says something.
    pub(crate) async fn sees(&self, words: &str) {
        self.window.sees(words).await;
    }

    /// Sees whether the page fits into the window.
    pub(crate) async fn glance(&self, state: &str) {
        let wide = self.window.too_wide().await;
        let wide = wide.map(|it| format!("{state} is too wide for {:?}: {it}", self.size));
        self.wrong.borrow_mut().extend(wide);
    }

    /// Looks at the page, in the state that it is in.
    pub(crate) async fn look(&self, state: &str) {
        self.glance(state).await;
        match self.eyes {
            Eyes::Quick => {}
            Eyes::Careful => self.note(state, Rules::All).await,
            Eyes::Thorough => {
                self.window.prefer("dark").await;
                self.note(&format!("{state}, dark"), Rules::Colours).await;
                self.window.prefer("light").await;
                self.note(&format!("{state}, light"), Rules::All).await;
            }
        }
    }

    async fn note(&self, state: &str, rules: Rules) {
        let found = self.window.violations(rules).await;
        self.wrong.borrow_mut().extend(found.into_iter().map(|it| format!("{state}: {it}")));
    }

    /// Fails for whatever was wrong on the way.
    pub(crate) fn assert_content(&self) {
        let wrong = self.wrong.borrow();
        assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    }

    /// Goes on with the tab key until the focus is at what has this name and one of these roles.
    async fn reach(&self, name: &str, roles: &[&str]) {
        let at = self.window.tab_to(name).await;
        let is_told = roles.contains(&at.role.as_str()) && at.name == name;
        assert!(is_told, "{name:?} is not told as {roles:?}: {at:?}");
    }
}
