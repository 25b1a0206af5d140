//! A window of the browser, used the way a person uses it: by the names of things.

use std::path::{Path, PathBuf};
use std::time::Duration;

use axum::http::Method;
use fantoccini::actions::{InputSource as _, KeyAction, KeyActions};
use fantoccini::wd::WebDriverCompatibleCommand;
use fantoccini::{Client, elements::Element};
use reqwest::Url;
use serde_json::{Value, json};

use super::browser::{Browser, Service};
use super::chromium::Scripts;

/// Keys, as drivers of browsers number them.
pub(crate) mod key {
    pub(crate) const TAB: &str = "\u{e004}";
    pub(crate) const ENTER: &str = "\u{e007}";
    pub(crate) const ESCAPE: &str = "\u{e00c}";
    pub(crate) const SPACE: &str = "\u{e00d}";
    pub(crate) const DOWN: &str = "\u{e015}";
    pub(crate) const CONTROL: &str = "\u{e009}";
    pub(crate) const HOME: &str = "\u{e011}";
}

/// A desktop window, in CSS pixels.
pub(crate) const DESKTOP: (u32, u32) = (1280, 900);
/// What is left of a desktop window of 1280 pixels at a zoom of 400 %.
pub(crate) const ZOOMED: (u32, u32) = (320, 256);
const WAIT_MAX: Duration = Duration::from_secs(20);
const TABS_MAX: u32 = 200;
/// How often the tab key may stay where it is: a date has a day, a month and a year.
const STAYS_MAX: u32 = 4;

/// What axe looks at.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Rules {
    All,
    /// All that the other theme can change.
    Colours,
}

/// What the focus is at.
#[derive(Debug)]
pub(crate) struct Reached {
    pub(crate) role: String,
    pub(crate) name: String,
}

#[derive(Debug)]
pub(crate) struct Window {
    client: Client,
    scripts: Scripts,
}

impl Window {
    pub(crate) fn new(client: Client, scripts: Scripts) -> Window {
        Window { client, scripts }
    }

    /// As a new profile would be.
    pub(crate) async fn reset(&self) {
        self.client.goto("about:blank").await.unwrap();
        self.devtools("Network.clearBrowserCookies", json!({})).await;
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": [] })).await;
        self.size(DESKTOP).await;
        self.complaints().await;
    }

    pub(crate) async fn goto(&self, service: &Service, path: &str) {
        self.client.goto(&format!("{}{path}", service.url)).await.unwrap();
    }

    /// Signs in as the other browser is: what signing in looks like has tests of its own.
    pub(crate) async fn sign_in_as(&self, browser: &Browser, service: &Service) {
        for (name, value) in &browser.cookies {
            let cookie = json!({ "name": name, "value": value, "url": service.url });
            self.devtools("Network.setCookie", cookie).await;
        }
    }

    pub(crate) async fn open(&self, url: &str) {
        self.client.goto(url).await.unwrap();
    }

    pub(crate) async fn path(&self) -> String {
        let url = self.client.current_url().await.unwrap();
        url.query().map_or(url.path().to_owned(), |query| format!("{}?{query}", url.path()))
    }

    pub(crate) async fn goto_again(&self) {
        self.client.refresh().await.unwrap();
    }

    /// Waits until the window shows this path.
    pub(crate) async fn arrives(&self, path: &str) {
        let arrived = async {
            while self.path().await != path {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        let in_time = tokio::time::timeout(WAIT_MAX, arrived).await;
        assert!(in_time.is_ok(), "{path} is not reached, this is {}", self.path().await);
    }

    pub(crate) async fn title(&self) -> String {
        self.client.title().await.unwrap()
    }

    /// What can be read in the page, without what is only there for screen readers.
    pub(crate) async fn text(&self) -> String {
        self.script("return document.body.innerText", vec![])
            .await
            .as_str()
            .unwrap_or("")
            .to_owned()
    }

    /// Waits until the page says something.
    pub(crate) async fn sees(&self, words: &str) {
        let seen = async {
            while !self.text().await.contains(words) {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        if tokio::time::timeout(WAIT_MAX, seen).await.is_err() {
            self.screenshot("failed").await;
            panic!("{words:?} is not in {}: {}", self.path().await, self.text().await);
        }
    }

    pub(crate) async fn sees_not(&self, words: &str) {
        let text = self.text().await;
        assert!(!text.contains(words), "{words:?} is in {text}");
    }

    /// Clicks what has this accessible name: a link, a button, a choice.
    pub(crate) async fn click(&self, name: &str) {
        let element = self.named(name).await;
        // Away from what sticks to the edges of the window.
        let shown = serde_json::to_value(&element).unwrap();
        self.script("arguments[0].scrollIntoView({ block: 'center' })", vec![shown]).await;
        element.click().await.unwrap_or_else(|error| panic!("{name}: {error}"));
    }

    /// Types into the field of this label, in place of what is there.
    pub(crate) async fn fill(&self, label: &str, text: &str) {
        let field = self.named(label).await;
        field.clear().await.unwrap_or_else(|error| panic!("{label}: {error}"));
        field.send_keys(text).await.unwrap();
    }

    /// Chooses an option of the list of this label.
    pub(crate) async fn choose(&self, label: &str, option: &str) {
        let list = self.named(label).await;
        list.select_by_label(option).await.unwrap_or_else(|error| panic!("{option}: {error}"));
    }

    pub(crate) async fn value(&self, label: &str) -> String {
        self.named(label).await.prop("value").await.unwrap().unwrap_or_default()
    }

    pub(crate) async fn is_checked(&self, label: &str) -> bool {
        self.named(label).await.is_selected().await.unwrap()
    }

    /// Chooses how pages look, in the menu of the account, and waits until they do.
    pub(crate) async fn choose_theme(&self, theme: &str) {
        let menu = "return document.querySelector('[popovertarget=account-menu]').ariaLabel;";
        let menu = self.script(menu, vec![]).await.as_str().unwrap_or_default().to_owned();
        self.click(&menu).await;
        self.click(theme).await;
        let looks = "return document.readyState + ' ' + document.documentElement.className + \
             String(document.querySelector('#account-menu')?.matches(':popover-open'));";
        self.becomes(looks, &format!("complete {}false", theme.to_lowercase())).await;
    }

    /// Whether something of this accessible name can be seen.
    pub(crate) async fn has(&self, name: &str) -> bool {
        !self.script(NAMED, vec![json!(name)]).await.is_null()
    }

    /// The whole name of the first link or button of the page that has these words in it.
    pub(crate) async fn named_with(&self, words: &str) -> String {
        let found = self.script(NAMES_WITH, vec![json!(words)]).await;
        let first = found.as_array().and_then(|it| it.first()?.as_str().map(str::to_owned));
        first.unwrap_or_else(|| panic!("nothing is named with {words:?}"))
    }

    /// The names of everything whose name begins like this.
    pub(crate) async fn names_like(&self, begin: &str) -> Vec<String> {
        let found = self.script(NAMES_WITH, vec![json!(begin)]).await;
        let found = found.as_array().cloned().unwrap_or_default();
        let names = found.iter().filter_map(|it| it.as_str());
        names.filter(|it| it.starts_with(begin)).map(str::to_owned).collect()
    }

    /// Files that are downloaded go into this folder.
    pub(crate) async fn download_into(&self, folder: &Path) {
        let into = json!({ "behavior": "allow", "downloadPath": folder });
        self.devtools("Browser.setDownloadBehavior", into).await;
    }

    /// Presses keys where the focus is.
    pub(crate) async fn press(&self, keys: &str) {
        self.client.active_element().await.unwrap().send_keys(keys).await.unwrap();
    }

    /// Goes on with the tab key until the focus is at what has this name, by the name and the role
    /// that the browser tells of it. Fails where it cannot be reached, where the focus cannot be
    /// seen on the way, or where it is held fast.
    pub(crate) async fn tab_to(&self, name: &str) -> Reached {
        self.tab_until(name, |at| {
            at["names"].as_array().is_some_and(|names| names.iter().any(|it| it == name))
        })
        .await
    }

    /// Goes on with the tab key until the focus is at one of the choices with this name.
    pub(crate) async fn tab_to_choices(&self, name: &str) -> Reached {
        let choice = self.named(name).await;
        let group = choice.attr("name").await.unwrap().unwrap_or_default();
        self.tab_until(name, |at| at["group"] == group.as_str()).await
    }

    async fn tab_until(&self, name: &str, is_there: impl Fn(&Value) -> bool) -> Reached {
        let mut stays = 0;
        let mut before = Value::Null;
        for _ in 0..TABS_MAX {
            self.tab().await;
            let at = self.script(FOCUSED, vec![]).await;
            if at.is_null() {
                continue;
            }
            assert_eq!(at["isSeen"], true, "the focus cannot be seen: {at}");
            assert_ne!(at["names"], json!([]), "the focus is at what has no name: {at}");
            stays = if at["place"] == before { stays + 1 } else { 0 };
            assert!(stays < STAYS_MAX, "the tab key does not lead on: {at}");
            before = at["place"].clone();
            if is_there(&at) {
                return self.reached().await;
            }
        }
        self.screenshot("failed").await;
        panic!("the tab key never reaches {name:?} of {}", self.path().await);
    }

    async fn tab(&self) {
        let value = key::TAB.chars().next().unwrap();
        let pressed = KeyActions::new("keys".to_owned())
            .then(KeyAction::Down { value })
            .then(KeyAction::Up { value });
        self.client.perform_actions(pressed).await.unwrap();
    }

    /// What has the focus, as the browser tells a screen reader.
    pub(crate) async fn reached(&self) -> Reached {
        let id = self.client.active_element().await.unwrap().element_id().to_string();
        let told = async |what: &str| {
            let path = format!("element/{id}/{what}");
            let told = self.client.issue_cmd(Question { path }).await.unwrap();
            told.as_str().unwrap_or_default().to_owned()
        };
        Reached { role: told("computedrole").await, name: told("computedlabel").await }
    }

    /// A window of this many CSS pixels.
    pub(crate) async fn size(&self, (width, height): (u32, u32)) {
        let metrics = json!({
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": false,
        });
        self.devtools("Emulation.setDeviceMetricsOverride", metrics).await;
    }

    /// What the browser's system prefers.
    pub(crate) async fn prefer(&self, scheme: &str) {
        let features = json!([{ "name": "prefers-color-scheme", "value": scheme }]);
        self.devtools("Emulation.setEmulatedMedia", json!({ "features": features })).await;
    }

    /// Fails if the page must be moved sideways to be read. Tables and logs may move in themselves.
    pub(crate) async fn assert_fits(&self) {
        let wide = self.too_wide().await;
        assert!(wide.is_none(), "{} is too wide: {wide:?}", self.path().await);
    }

    /// What makes the page too wide, or nothing.
    pub(crate) async fn too_wide(&self) -> Option<String> {
        let wide = self.script(TOO_WIDE, vec![]).await;
        (!wide.is_null()).then(|| wide.to_string())
    }

    /// Fails for whatever axe finds.
    pub(crate) async fn assert_accessible(&self) {
        let found = self.violations(Rules::All).await;
        if !found.is_empty() {
            self.screenshot("failed").await;
        }
        assert!(found.is_empty(), "axe on {}:\n{}", self.path().await, found.join("\n"));
    }

    /// What axe finds.
    pub(crate) async fn violations(&self, rules: Rules) -> Vec<String> {
        if self.script("return typeof axe", vec![]).await == "undefined" {
            if self.scripts == Scripts::Off {
                // Where a page may run nothing, no timer of it ever ends; what is asked from
                // outside still runs, and so do its promises.
                self.script(TIMERS, vec![]).await;
            }
            self.script(&axe(), vec![]).await;
        }
        let run = "const done = arguments[arguments.length - 1];
            axe.run(document, { resultTypes: ['violations'], ...arguments[0] }).then((found) => done(
                found.violations.flatMap((it) => it.nodes.map((node) =>
                    `${it.id}: ${node.html.slice(0, 200)}: ${node.failureSummary}`))),
                (error) => done([String(error)]));";
        let options = match rules {
            Rules::All => json!({}),
            Rules::Colours => json!({ "runOnly": ["color-contrast"] }),
        };
        let found = self.client.execute_async(run, vec![options]).await.unwrap();
        let found = found.as_array().unwrap().iter();
        found.filter_map(|it| it.as_str().map(str::to_owned)).collect()
    }

    /// Takes a picture of the whole page into `target/screenshots`.
    pub(crate) async fn screenshot(&self, name: &str) {
        self.script("scrollTo(0, 0)", vec![]).await;
        let height = self.script("return document.documentElement.scrollHeight", vec![]).await;
        let width = self.script("return innerWidth", vec![]).await;
        self.capture(name, &width, &height).await;
    }

    /// Takes a picture for the documents: of the upper part of the page, and with addresses of
    /// examples in the place of those of this machine.
    pub(crate) async fn picture(&self, name: &str, height: u32, instead: &[(&str, &str)]) {
        self.script("scrollTo(0, 0)", vec![]).await;
        self.script(REPLACE, vec![json!(instead)]).await;
        self.size((DESKTOP.0, height)).await;
        self.capture(&format!("guide-{name}"), &json!(DESKTOP.0), &json!(height)).await;
        self.size(DESKTOP).await;
        self.script(RESTORE, vec![]).await;
    }

    async fn capture(&self, name: &str, width: &Value, height: &Value) {
        let clip = json!({ "x": 0, "y": 0, "width": width, "height": height, "scale": 1 });
        let asked = json!({ "format": "png", "captureBeyondViewport": true, "clip": clip });
        let taken = self.devtools("Page.captureScreenshot", asked).await;
        let bytes = base64::Engine::decode(
            &base64::engine::general_purpose::STANDARD,
            taken["data"].as_str().unwrap(),
        );
        let folder = screenshots();
        std::fs::create_dir_all(&folder).unwrap();
        std::fs::write(folder.join(format!("{name}.png")), bytes.unwrap()).unwrap();
    }

    pub(crate) async fn script(&self, script: &str, arguments: Vec<Value>) -> Value {
        self.client.execute(script, arguments).await.unwrap()
    }

    /// Waits until a script gives this text.
    pub(crate) async fn becomes(&self, script: &str, text: &str) {
        let became = async {
            while self.script(script, vec![]).await != text {
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        let in_time = tokio::time::timeout(WAIT_MAX, became).await;
        if in_time.is_err() {
            self.screenshot("failed").await;
            panic!("{script} gives {}: {}", self.script(script, vec![]).await, self.text().await);
        }
    }

    pub(crate) async fn assert_no_complaints(&self) {
        let complaints = self.complaints().await;
        assert!(complaints.is_empty(), "the browser complains: {complaints:#?}");
    }

    /// For a page that is known to refuse.
    pub(crate) async fn forget_complaints(&self) {
        self.complaints().await;
    }

    /// What the browser wrote into its console since it was last asked.
    async fn complaints(&self) -> Vec<String> {
        let log = Command { path: "se/log", body: json!({ "type": "browser" }) };
        let entries = self.client.issue_cmd(log).await.unwrap();
        let entries = entries.as_array().cloned().unwrap_or_default();
        // A page that refuses says so by its status, which is not worth a complaint.
        let page = format!("{} - ", self.client.current_url().await.unwrap());
        let is_refusal = |it: &&Value| {
            let message = it["message"].as_str().unwrap_or("");
            let is_of_a_form = message.contains("status of 422");
            it["source"] == "network" && (is_of_a_form || message.starts_with(&page))
        };
        let is_complaint = |it: &&Value| {
            (it["level"] == "SEVERE" || it["source"] == "security") && !is_refusal(it)
        };
        entries.iter().filter(is_complaint).map(|it| it["message"].to_string()).collect()
    }

    async fn named(&self, name: &str) -> Element {
        let found = async {
            loop {
                let found = self.script(NAMED, vec![json!(name)]).await;
                let id = found.as_object().and_then(|it| it.values().next()?.as_str());
                if let Some(id) = id {
                    return Element::from_element_id(self.client.clone(), id.to_owned().into());
                }
                tokio::time::sleep(Duration::from_millis(25)).await;
            }
        };
        if let Ok(element) = tokio::time::timeout(WAIT_MAX, found).await {
            return element;
        }
        self.screenshot("failed").await;
        panic!("nothing is named {name:?} in {}: {}", self.path().await, self.text().await);
    }

    async fn devtools(&self, command: &str, parameters: Value) -> Value {
        let body = json!({ "cmd": command, "params": parameters });
        self.client.issue_cmd(Command { path: "goog/cdp/execute", body }).await.unwrap()
    }
}

/// A command that only this driver knows.
#[derive(Debug)]
struct Command {
    path: &'static str,
    body: Value,
}

impl WebDriverCompatibleCommand for Command {
    fn endpoint(
        &self,
        base: &Url,
        session: Option<&str>,
    ) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/{}", session.unwrap_or(""), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::POST, Some(self.body.to_string()))
    }
}

/// A question about an element.
#[derive(Debug)]
struct Question {
    path: String,
}

impl WebDriverCompatibleCommand for Question {
    fn endpoint(
        &self,
        base: &Url,
        session: Option<&str>,
    ) -> Result<Url, <Url as std::str::FromStr>::Err> {
        base.join(&format!("session/{}/{}", session.unwrap_or(""), self.path))
    }

    fn method_and_body(&self, _: &Url) -> (Method, Option<String>) {
        (Method::GET, None)
    }
}

/// A script that knows the names of an element: what a screen reader would call it.
macro_rules! with_names {
    ($script:literal) => {
        concat!(
            r#"const words = (text) => (text ?? "").replace(/\s+/g, " ").trim();
            const shown = (it) => it.checkVisibility({ visibilityProperty: true });
            // A label may hold its control, whose options are not a part of its words.
            const said = (label) => {
                const copy = label.cloneNode(true);
                copy.querySelectorAll("select, textarea").forEach((it) => it.remove());
                return copy.textContent;
            };
            const names = (it) => [
                it.getAttribute("aria-label"),
                ...(it.getAttribute("aria-labelledby") ?? "").split(" ").filter(Boolean)
                    .map((id) => document.getElementById(id)?.textContent),
                ...[...(it.labels ?? [])].map(said),
                ["INPUT", "SELECT", "TEXTAREA"].includes(it.tagName) ? null : it.textContent,
            ].map(words).filter(Boolean);"#,
            $script
        )
    };
}

/// The element of a name: in the dialog that is open, else in the page, else in its frame.
const NAMED: &str = with_names!(
    r#"const kinds = "a[href], button, input, select, textarea, summary, [role=option]";
    const places = [document.querySelector("dialog[open]"), document.querySelector("main"), document];
    for (const place of places.filter(Boolean)) {
        const all = [...place.querySelectorAll(kinds)].filter(shown);
        const found = all.find((it) => names(it).includes(arguments[0]));
        if (found) return found;
    }
    return null;"#
);

/// The names of whatever has these words in its name.
const NAMES_WITH: &str = with_names!(
    r#"const kinds = "a[href], button, input, select, textarea, summary";
    return [...document.querySelectorAll("main :is(" + kinds + ")")].filter(shown)
        .map((it) => names(it)[0]).filter((it) => it?.includes(arguments[0]));"#
);

/// What has the focus; nothing where it is at the page itself.
const FOCUSED: &str = with_names!(
    r#"const it = document.activeElement;
    if (it === null || it === document.body || it === document.documentElement) return null;
    const clip = (box) => ({
        left: Math.max(0, box.left), right: Math.min(innerWidth, box.right),
        top: Math.max(0, box.top), bottom: Math.min(innerHeight, box.bottom),
    });
    const box = clip(it.getClientRects()[0] ?? it.getBoundingClientRect());
    const top = document.elementFromPoint((box.left + box.right) / 2, (box.top + box.bottom) / 2);
    const isUncovered = top !== null && (it.contains(top) || top.contains(it) || [...(it.labels ?? [])].some((label) => label.contains(top)));
    const isMarked = getComputedStyle(it).outlineStyle !== "none" && getComputedStyle(it).outlineWidth !== "0px";
    const all = [...document.querySelectorAll("*")];
    return {
        names: names(it), group: it.name ?? "", place: all.indexOf(it), html: it.outerHTML.slice(0, 120),
        isSeen: isUncovered && isMarked, isUncovered, isMarked,
    };"#
);

/// What reaches beyond the right side of the window, or nothing.
const TOO_WIDE: &str = r#"
    const width = document.documentElement.clientWidth;
    if (document.documentElement.scrollWidth <= width) return null;
    const scrolls = (it) => it !== document.documentElement && it !== document.body &&
        ["auto", "scroll", "hidden", "clip"].includes(getComputedStyle(it).overflowX);
    const inside = (it) => { for (it = it.parentElement; it; it = it.parentElement) if (scrolls(it)) return true; return false; };
    return [...document.querySelectorAll("body *")]
        .filter((it) => it.getBoundingClientRect().right > width + 1 && !inside(it))
        .map((it) => it.outerHTML.slice(0, 120)).slice(0, 5);"#;

/// Puts other texts in the place of some, in the page and in its fields.
const REPLACE: &str = r"
    window.replaced = [];
    const other = (text) => arguments[0].reduce((text, [from, to]) => text.replaceAll(from, to), text);
    const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
    for (let node; node = walker.nextNode();) {
        const before = node.data;
        if (other(before) !== before) replaced.push(() => { node.data = before; }), node.data = other(before);
    }
    for (const field of document.querySelectorAll('input, textarea')) {
        const before = field.value;
        if (other(before) !== before) replaced.push(() => { field.value = before; }), field.value = other(before);
    }
    document.activeElement?.blur();";
const RESTORE: &str = "replaced.forEach((undo) => undo());";

/// Timers that end at once.
const TIMERS: &str = "let last = 0;
    window.setTimeout = (act, _, ...values) => {
        Promise.resolve().then(() => act(...values));
        return ++last;
    };";

fn axe() -> String {
    let path = std::env::var("ROLLCALL_TEST_AXE").unwrap_or_else(|_| {
        panic!(
            "ROLLCALL_TEST_AXE is not set: pages are checked with axe. Run ./test, which installs \
             it, or set it to the axe.min.js of the npm package axe-core."
        )
    });
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn screenshots() -> PathBuf {
    let root = PathBuf::from(env!("CARGO_TARGET_TMPDIR"));
    root.parent().expect("the folder for test data is in the target folder").join("screenshots")
}
