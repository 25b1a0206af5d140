//! What surrounds the guide: previews, live pages, plans that are applied or held, people, targets.

use std::time::Duration;

use reqwest::Client;
use sandbox::onelogin::{Fault, Kind, When};
use serde_json::json;

use super::super::window::key;
use super::{CONNECTOR, Walk};

/// Rows of a list.
const ROWS: &str = "return String(document.querySelectorAll('main tbody tr').length)";
/// A page that is loaded anew forgets it.
const MARK: &str = "window.walked = true";
const IS_MARKED: &str = "return window.walked === true";
const WAIT_MAX: Duration = Duration::from_secs(20);

impl Walk<'_> {
    pub(super) async fn whole(&self) {
        self.lose_nothing().await;
        self.watch_a_run().await;
        self.see_the_effect_first().await;
        self.see_samples().await;
        self.try_rules().await;
        self.explain_before_it_is_saved().await;
        self.apply_exactly_this().await;
        self.undo().await;
        self.decide().await;
        self.explain_somebody().await;
        self.look_somebody_up().await;
        self.let_a_product_call().await;
        self.pause().await;
        self.see_what_goes_wrong().await;
        self.look_around().await;
    }

    /// Leaves a form that is not saved, and finds it as it was left.
    async fn lose_nothing(&self) {
        let it = &self.person;
        it.go("Connectors").await;
        it.click(CONNECTOR).await;
        it.click("Required Groups").await;
        it.fill("Required OneLogin Groups", "").await;
        it.sees("1 unsaved change").await;
        let leave = "const leaving = new Event('beforeunload', { cancelable: true });
            dispatchEvent(leaving); return leaving.defaultPrevented;";
        assert_eq!(it.window.script(leave, vec![]).await, true, "the browser asks first");
        it.go("Runs").await;
        it.sees("Runs, the latest first").await;
        it.go("Connectors").await;
        it.click(CONNECTOR).await;
        it.click("Required Groups").await;
        it.sees("Your unsaved changes are back.").await;
        assert_eq!(it.window.value("Required OneLogin Groups").await, "");
        self.look("unsaved changes").await;
        it.click("Review").await;
        it.sees("What would be saved").await;
        self.look("review").await;
        it.click("Save").await;
        it.sees("is saved. Nothing was synchronised yet.").await;
    }

    /// A run that takes its time, whose page goes on without being loaded again.
    async fn watch_a_run(&self) {
        let (it, admin) = (&self.person, self.sandbox.admin());
        admin.set_quirks(|it| it.users_page_max = 25);
        let stall = |ms| Kind::StallBeforeHeaders { ms };
        admin.inject(Fault::once(When::page("GET /api/2/users", 6), stall(5_000)));
        admin.inject(Fault::always(When::next("GET /api/2/users"), stall(600)));
        it.go("Connectors").await;
        it.click(&format!("Sync {CONNECTOR}")).await;
        it.sees("people so far").await;
        it.window.script(MARK, vec![]).await;
        self.picture("run", 900).await;
        self.look("run under way").await;
        let progress = "return window.walked ? document.getElementById('run-progress').innerText + document.getElementById('run-calls').innerText : null";
        let mut told: Vec<String> = Vec::new();
        let watched = async {
            while let Some(text) = it.window.script(progress, vec![]).await.as_str() {
                if told.last().is_none_or(|last| last != text) {
                    told.push(text.to_owned());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        tokio::time::timeout(WAIT_MAX, watched).await.expect("a run ends");
        assert!(2 < told.len(), "the page goes on by itself: {told:?}");
        it.sees("changes were applied").await;
        it.sees("240 people, read on 10 of 10 pages.").await;
        self.picture("run-ended", 900).await;
        admin.clear_faults();
        admin.set_quirks(|it| it.users_page_max = 1_000);
    }

    /// What other settings would do, by the last read and without a call.
    async fn see_the_effect_first(&self) {
        let it = &self.person;
        self.sandbox.admin().reset_ledger();
        it.go("Connectors").await;
        it.click(CONNECTOR).await;
        it.click("Required Groups").await;
        it.sees("240 of 240 people in scope").await;
        it.window.script(MARK, vec![]).await;
        it.fill("Required OneLogin Groups", "role:Contractors").await;
        it.sees("people drop out").await;
        it.sees("more than 10 % fewer").await;
        self.look("effect of what is not saved").await;
        self.picture("effect", 760).await;
        it.fill("Required OneLogin Groups", "role:Nobody is in this").await;
        self.look("effect of a mistake").await;
        assert_eq!(it.window.script(IS_MARKED, vec![]).await, true, "nothing was loaded anew");
        self.assert_no_call();
        it.click("Discard").await;
        assert_eq!(it.window.value("Required OneLogin Groups").await, "");
    }

    /// What each group source would give, with names that she knows.
    async fn see_samples(&self) {
        let it = &self.person;
        it.go("Connectors").await;
        it.click(CONNECTOR).await;
        it.click("Group Sync Settings").await;
        for words in ["8 roles in the last read", "3 groups in the last read"] {
            it.sees(words).await;
        }
        self.look("samples of the group sources").await;
    }

    /// Rules for people on everybody and on one person, before they are saved.
    async fn try_rules(&self) {
        let (it, admin) = (&self.person, self.sandbox.admin());
        let id = self.ids()[40];
        let somebody = admin.user(id).unwrap().username.unwrap().into_owned();
        admin.reset_ledger();
        it.go("Connectors").await;
        it.click(CONNECTOR).await;
        it.click("User Provisioning").await;
        it.fill("Mapping rows", "username = email | lower | strip-domain").await;
        it.click("Try on everybody of the last read").await;
        it.sees("On the 240 people in scope").await;
        self.look("rules tried on everybody").await;
        it.fill("One person of the last read", &somebody).await;
        it.click("Try on this person").await;
        it.sees(&format!("OneLogin id {id}")).await;
        self.look("rules tried on one person").await;
        it.fill("Somebody typed by hand", "email=Maya.Lee@Acme.com").await;
        it.click("Try on this sample").await;
        it.sees("maya.lee").await;
        it.click("Discard").await;
        assert_eq!(it.window.value("Mapping rows").await, "", "nothing was saved");
        self.assert_no_call();
    }

    /// Why somebody would be left out by settings that nobody has saved.
    async fn explain_before_it_is_saved(&self) {
        let (it, admin) = (&self.person, self.sandbox.admin());
        let somebody = admin.user(self.ids()[40]).unwrap().username.unwrap().into_owned();
        it.go("Connectors").await;
        it.click(CONNECTOR).await;
        it.click("Required Groups").await;
        it.fill("Only where", "username = somebody.else").await;
        it.fill("Person", &somebody).await;
        it.click("Explain with these settings").await;
        it.sees("username = somebody.else").await;
        self.look("somebody explained by what is not saved").await;
        it.click("Discard").await;
        assert_eq!(it.window.value("Only where").await, "", "nothing was saved");
        self.assert_no_call();
    }

    /// Takes back the run that was just made, in such a way that the next one may do it again.
    async fn undo(&self) {
        let it = &self.person;
        it.click("Undo").await;
        it.sees("Would be taken back").await;
        it.tick("The next run may do it again").await;
        it.click("Show").await;
        it.sees("The next run does it again").await;
        it.sees("Renata").await;
        self.look("undo").await;
        self.picture("undo", 760).await;
        it.fill("Reason", "Tried out").await;
        it.click("Undo").await;
        it.sees("3 changes were applied").await;
        it.sees("Succeeded").await;
        self.look("run that took back another").await;
    }

    /// Filters a plan, searches it, downloads it, and applies it.
    async fn apply_exactly_this(&self) {
        let (it, admin) = (&self.person, self.sandbox.admin());
        let ids = self.ids();
        for id in &ids[20..23] {
            admin.update_user(*id, json!({ "firstname": "Renata" })).unwrap();
        }
        let somebody = admin.user(ids[20]).unwrap().username.unwrap().into_owned();
        it.go("Connectors").await;
        it.click(&format!("Simulate {CONNECTOR}")).await;
        it.sees("Within the safety limits").await;
        it.window.becomes(ROWS, "3").await;
        let update = it.window.named_with("Update").await;
        it.click(&update).await;
        it.sees("All changes").await;
        it.window.becomes(ROWS, "3").await;
        it.window.script(MARK, vec![]).await;
        it.fill("Search", &somebody).await;
        it.window.becomes(ROWS, "1").await;
        it.sees("Renata").await;
        self.look("plan, searched").await;
        self.picture("changes", 760).await;
        it.fill("Search", "nobody is called that").await;
        it.sees("No change is like this").await;
        self.look("plan, nothing found").await;
        assert_eq!(it.window.script(IS_MARKED, vec![]).await, true, "nothing was loaded anew");
        assert!(it.window.path().await.contains("q=nobody"), "the address is what is shown");
        let folder = tempfile::tempdir().unwrap();
        it.window.download_into(folder.path()).await;
        it.click("Download").await;
        for (file, name) in [("changes.csv", "Changes as CSV"), ("changes.json", "Changes as JSON")]
        {
            it.click(name).await;
            let text = downloaded(folder.path(), file).await;
            assert!(text.contains(&somebody), "{file}: {text}");
        }
        it.click("Apply 3 changes").await;
        it.sees("3 changes were applied").await;
        it.sees("Succeeded").await;
    }

    /// Approves a part of what is held, and rejects the rest.
    async fn decide(&self) {
        let (it, admin) = (&self.person, self.sandbox.admin());
        for id in &self.ids()[..14] {
            admin.delete_user(*id).unwrap();
        }
        it.go("Connectors").await;
        it.click(&format!("Sync {CONNECTOR}")).await;
        it.sees("Changes wait for a decision").await;
        self.look("run that is held").await;
        it.click("Review").await;
        it.sees("Plan").await;
        it.click("Review plan").await;
        it.sees("Why it is held").await;
        self.look("plan that is held").await;
        self.picture("held", 900).await;
        let boxes = it.window.names_like("Change ").await;
        assert_eq!(boxes.len(), 14, "{boxes:?}");
        for name in &boxes[..2] {
            it.tick(name).await;
        }
        it.pick("Only what is ticked above").await;
        it.fill("Reason", "They left").await;
        it.tick("Run the connector at once when approved").await;
        it.click("Approve").await;
        it.sees("Changes wait for a decision").await;
        it.sees("2 changes were applied").await;
        it.click("Review").await;
        it.click("Review plan").await;
        it.sees("12 changes wait.").await;
        it.fill("Reason", "They are on leave").await;
        it.click("Reject").await;
        it.sees("12 changes are rejected.").await;
        self.look("plan that was rejected").await;
        it.go("Approvals").await;
        it.sees("Nothing is waiting for a decision").await;
    }

    /// Says of somebody why, and syncs them alone.
    async fn explain_somebody(&self) {
        let (it, admin) = (&self.person, self.sandbox.admin());
        let id = self.ids()[30];
        let somebody = admin.user(id).unwrap().username.unwrap().into_owned();
        it.go("Explain").await;
        self.look("explain").await;
        it.fill("Person", "nobody.knows").await;
        it.click("Explain this user").await;
        it.sees("No one matches").await;
        self.look("explain nobody").await;
        it.fill("Person", &somebody).await;
        it.click("Explain this user").await;
        it.sees("no change needed").await;
        self.look("explain somebody").await;
        self.picture("explain", 900).await;
        admin.update_user(id, json!({ "firstname": "Renata" })).unwrap();
        it.click("Explain this user").await;
        it.sees("What a sync would change").await;
        it.click("Sync single user").await;
        it.sees("Would change").await;
        self.look("sync single user").await;
        it.click("Sync single user").await;
        it.sees("One person.").await;
    }

    /// From the directory to a person, to a group, and back.
    async fn look_somebody_up(&self) {
        let it = &self.person;
        let id = self.ids()[31];
        let somebody = self.sandbox.admin().user(id).unwrap().username.unwrap().into_owned();
        it.go("Directory").await;
        self.picture("directory", 720).await;
        it.window.script(MARK, vec![]).await;
        it.fill("Search", &somebody).await;
        it.window.becomes(ROWS, "1").await;
        it.fill("Search", "nobody is called that").await;
        it.sees("Nobody is like this").await;
        self.look("nobody is like this").await;
        it.fill("Search", &somebody).await;
        it.window.becomes(ROWS, "1").await;
        assert_eq!(it.window.script(IS_MARKED, vec![]).await, true, "nothing was loaded anew");
        it.click(&somebody).await;
        it.sees("Groups, with why and since when").await;
        let group = "return document.querySelector('main a[href^=\"/groups/\"]:not(.breadcrumbs a)').textContent";
        let group = it.window.script(group, vec![]).await.as_str().unwrap().to_owned();
        it.click(&group).await;
        it.sees("Members by username").await;
        it.fill("Search", &somebody).await;
        it.window.becomes(ROWS, "1").await;
    }

    /// The page of a target is green as soon as the product has called.
    async fn let_a_product_call(&self) {
        let it = &self.person;
        it.go("Targets").await;
        it.click("jira").await;
        for product in ["Confluence", "Bitbucket", "Bamboo", "Jira"] {
            it.click(product).await;
            it.sees(&format!("In {product}:")).await;
        }
        self.picture("target", 900).await;
        it.click("Make another password").await;
        it.sees("From that moment jira cannot read this directory").await;
        it.click("Replace the password now").await;
        it.sees("Copy the application password now").await;
        let password = "return document.querySelector('.banner .copy code').textContent";
        let password = it.window.script(password, vec![]).await.as_str().unwrap().to_owned();
        it.sees("Waiting for the product to call").await;
        // Another test may have done so already.
        drop(rustls::crypto::ring::default_provider().install_default());
        let product = Client::builder().no_proxy().build().unwrap();
        let call = async |what: &str| {
            let call = format!("{}/crowd/rest/usermanagement/1/{what}", self.service.url);
            let call = product.get(call).basic_auth("jira", Some(&password));
            let answer = call.send().await.unwrap();
            assert!(answer.status().is_success(), "{answer:?}");
        };
        // That it can be reached is not that it was read. It is told at once, and the password, which
        // nobody can show again, stays where it is.
        it.window.script(MARK, vec![]).await;
        call("config/cookie").await;
        it.sees("The service was reached").await;
        it.sees("Waiting for the product to read").await;
        it.sees("Copy the application password now").await;
        assert_eq!(it.window.script(IS_MARKED, vec![]).await, true, "nothing was loaded anew");
        call("search?entity-type=user").await;
        it.sees("The product has read this directory").await;
        assert_eq!(it.window.path().await, "/targets/1", "nothing was sent twice");
        self.look("target that a product called").await;
        it.go("Overview").await;
        self.picture("overview", 760).await;
        it.window.prefer("dark").await;
        self.picture("overview-dark", 760).await;
        it.window.prefer("light").await;
        it.go("Runs").await;
        self.picture("runs", 900).await;
        it.click("Show as table").await;
        it.sees("Only runs with changes").await;
        self.look("history as a table").await;
    }

    /// The schedule is paused with a reason, and resumed.
    async fn pause(&self) {
        let it = &self.person;
        it.go("Connectors").await;
        it.click(CONNECTOR).await;
        it.click("Pause schedule").await;
        it.sees("It does not run by itself until somebody resumes it.").await;
        it.fill("Reason", "Jira is moved").await;
        self.look("pause").await;
        it.window.press(key::ENTER).await;
        it.sees("Paused by ana@example.com").await;
        self.look("connector that is paused").await;
        it.click("Resume schedule").await;
        it.fill("Reason", "Jira has moved").await;
        it.window.press(key::ENTER).await;
        it.window
            .becomes("return String(document.body.innerText.includes('Paused by'))", "false")
            .await;
    }

    /// Mistakes of hers, and of OneLogin.
    async fn see_what_goes_wrong(&self) {
        let (it, admin) = (&self.person, self.sandbox.admin());
        it.go("Connectors").await;
        it.click(CONNECTOR).await;
        it.click("Sync Settings").await;
        it.fill("Cron expression", "61 * * * *").await;
        it.fill("Time zone", "Europe/Nowhere").await;
        it.click("Save").await;
        it.sees("Nothing was saved").await;
        self.look("settings with mistakes").await;
        it.click("Discard").await;

        admin.inject(Fault::always(When::next("*"), Kind::Unauthorized));
        it.click("Test connection").await;
        it.sees("Not usable yet").await;
        self.look("test connection, refused").await;
        it.go("Connectors").await;
        it.click(&format!("Simulate {CONNECTOR}")).await;
        it.sees("There is no plan").await;
        self.look("simulation that failed").await;
        it.go("Connectors").await;
        it.click(&format!("Sync {CONNECTOR}")).await;
        it.sees("The run failed").await;
        it.sees("Nobody was changed.").await;
        self.look("run that failed").await;
        admin.clear_faults();

        admin.consume(4_900);
        it.click("Retry").await;
        it.sees("API calls are left this hour").await;
        self.look("run that was skipped").await;
        admin.move_clock(4_000);

        admin.inject(Fault::always(
            When::next("GET /api/2/users"),
            Kind::StallBeforeHeaders { ms: 5_000 },
        ));
        it.go("Connectors").await;
        it.click(&format!("Simulate {CONNECTOR}")).await;
        it.sees("The plan is shown as soon as it is there.").await;
        self.look("simulation under way").await;
        admin.clear_faults();
        it.sees("Source check").await;

        admin.inject(Fault::always(
            When::next("GET /api/2/users"),
            Kind::StallBeforeHeaders { ms: 2_000 },
        ));
        it.go("Connectors").await;
        it.click(&format!("Sync {CONNECTOR}")).await;
        it.click("Stop").await;
        it.sees("asked it to stop").await;
        it.sees("Stopped").await;
        self.look("run that was stopped").await;
        admin.clear_faults();
    }

    /// Settings, audit log, health, history.
    async fn look_around(&self) {
        let it = &self.person;
        it.go("Settings").await;
        it.fill("Name", "Jo").await;
        it.fill("E-mail", "jo@example.com").await;
        it.pick("Approver").await;
        it.click("Create account").await;
        it.sees("Link to choose a password").await;
        self.look("link for a new account").await;
        it.go("Settings").await;
        for (tab, words) in [
            ("Safety", "Safety limits"),
            ("Retention", "Log lines of runs"),
            ("Appearance", "Theme"),
        ] {
            it.click(tab).await;
            it.sees(words).await;
        }
        it.go("Audit log").await;
        it.sees("connector create").await;
        self.picture("audit", 760).await;
        it.click("Verify").await;
        self.look("audit log, verified").await;
        it.go("Health").await;
        it.sees("What keeps the service going").await;
        self.look("health").await;
    }

    /// Fails if OneLogin was asked for people since its ledger was reset.
    fn assert_no_call(&self) {
        let calls = self.sandbox.admin().calls("GET /api/2/users");
        assert_eq!(format!("{calls:?}"), format!("{:?}", sandbox::onelogin::Calls::default()));
    }

    fn ids(&self) -> Vec<i64> {
        self.sandbox.admin().with_tenant(|tenant| tenant.user_ids().to_vec())
    }
}

/// The text of a file as soon as the browser has it.
async fn downloaded(folder: &std::path::Path, end: &str) -> String {
    let is_there = async {
        loop {
            let files = std::fs::read_dir(folder).unwrap().map(|it| it.unwrap().path());
            let mut files = files.filter(|it| it.display().to_string().ends_with(end));
            if let Some(file) = files.next() {
                return std::fs::read_to_string(file).unwrap();
            }
            tokio::time::sleep(Duration::from_millis(25)).await;
        }
    };
    tokio::time::timeout(WAIT_MAX, is_there).await.expect("a file is downloaded")
}
