//! What the guide itself says, from its first step to its last.

use super::super::browser::PASSWORD;
use super::super::chromium::Scripts;
use super::{CONNECTOR, Walk};

impl Walk<'_> {
    /// Makes the first admin by the code that the service printed.
    pub(super) async fn set_up(&self) {
        let it = &self.person;
        it.window.open(&self.service.url).await;
        it.sees("Set up Rollcall").await;
        self.look("set up").await;
        it.fill("Set-up code", &self.service.code).await;
        it.fill("Name", "Ana").await;
        it.fill("E-mail", "ana@example.com").await;
        it.fill("Password", PASSWORD).await;
        self.picture("set-up", 720).await;
        it.click("Create admin").await;
        it.sees("Nothing is configured yet").await;
        self.pass("overview of nothing").await;
    }

    pub(super) async fn after_set_up(&self) {
        self.create_connector().await;
        self.choose_groups().await;
        self.add_target().await;
        self.simulate().await;
        self.sync().await;
        self.schedule().await;
    }

    /// "Click Create Connector and choose OneLogin."
    async fn create_connector(&self) {
        let it = &self.person;
        it.go("Connectors").await;
        it.sees("No connectors yet").await;
        self.pass("connectors, none").await;
        it.click("Create Connector").await;
        it.sees("Choose your identity provider").await;
        self.pass("gallery").await;
        self.picture("gallery", 640).await;
        it.click("OneLogin").await;
        it.sees("Before you start").await;
        it.fill("Name", CONNECTOR).await;
        it.fill("Client ID", self.sandbox.client_id()).await;
        it.fill("Client Secret", self.sandbox.client_secret()).await;
        it.pick("My subdomain").await;
        it.fill("Subdomain", "acme").await;
        for step in [
            "Log in to your OneLogin domain and click Administration.",
            "Hover over DEVELOPERS and click API Credentials.",
            "Click New Credential.",
            "Provide a Name, choose Read users, and click Save.",
            "Copy the Client ID and the Client Secret, and paste them here.",
        ] {
            it.tick(step).await;
        }
        self.look("create connector").await;
        self.picture("create-connector", 900).await;
        it.pick("Other").await;
        it.fill("Address", &self.sandbox.base_url()).await;
        it.click("Save and Test Connection").await;
        it.sees("Usable").await;
        self.look("test connection").await;
        self.picture("test-connection", 900).await;
    }

    /// "Choose what to sync for the groups", the minimum, the required groups, and save.
    async fn choose_groups(&self) {
        let it = &self.person;
        it.click("Group Sync Settings").await;
        it.sees("What becomes a group?").await;
        for (label, is_on) in [
            ("Groups from member_of", false),
            ("Groups from roles", true),
            ("Group from group of a user", true),
        ] {
            assert_eq!(it.window.is_checked(label).await, is_on, "{label}");
        }
        it.tick("Groups from member_of").await;
        self.pass("group sync settings").await;
        self.picture("group-sync-settings", 760).await;
        it.click("Save").await;
        it.sees("is saved. Nothing was synchronised yet.").await;
        assert!(it.window.is_checked("Groups from member_of").await);

        it.click("General").await;
        it.fill("Minimum remaining API calls", "600").await;
        self.pass("general").await;
        self.picture("general", 900).await;
        it.click("Save").await;
        it.sees("is saved. Nothing was synchronised yet.").await;
        assert_eq!(it.window.value("Minimum remaining API calls").await, "600");

        it.click("Required Groups").await;
        it.fill("Required OneLogin Groups", "role:Contractors").await;
        self.pass("required groups").await;
        self.picture("required-groups", 720).await;
        it.click("Save and Return").await;
        it.sees("Create Connector").await;
        it.sees(CONNECTOR).await;
        self.pass("connectors, one that never ran").await;
    }

    /// Where the people go.
    async fn add_target(&self) {
        let it = &self.person;
        it.go("Targets").await;
        it.sees("No targets yet").await;
        self.pass("targets, none").await;
        it.click("Add target").await;
        it.fill("Name", "jira").await;
        self.pass("add target").await;
        it.click("Add target").await;
        it.sees("Copy the application password now").await;
        it.sees("Waiting for first read").await;
        self.look("target that nobody called").await;
    }

    async fn simulate(&self) {
        let it = &self.person;
        it.go("Connectors").await;
        it.click(&format!("Simulate {CONNECTOR}")).await;
        it.sees("Within the safety limits").await;
        it.sees("Because").await;
        self.look("plan").await;
        self.picture("plan", 900).await;
    }

    /// "Simply click the Sync button."
    async fn sync(&self) {
        let it = &self.person;
        it.go("Connectors").await;
        self.picture("connectors", 480).await;
        it.click(&format!("Sync {CONNECTOR}")).await;
        it.sees("Phases").await;
        if self.scripts == Scripts::Off {
            while !it.window.text().await.contains("ended") {
                it.click("Load anew").await;
            }
        }
        it.sees("Succeeded").await;
        it.sees("changes were applied").await;
        self.pass("run that succeeded").await;
    }

    /// "Enable Scheduled Synchronization", by an interval and by the Cron expression.
    async fn schedule(&self) {
        let it = &self.person;
        it.go("Connectors").await;
        it.click(CONNECTOR).await;
        it.click("Sync Settings").await;
        it.tick("Enable Scheduled Synchronization").await;
        match self.scripts {
            Scripts::On => {
                it.click("Change schedule").await;
                it.sees("Sync interval").await;
                it.choose("Run", "every 15 minutes").await;
                self.look("sync interval").await;
                self.picture("sync-interval", 720).await;
                it.click("Done").await;
                assert_eq!(it.window.value("Cron expression").await, "*/15 * * * *");
                it.sees("Every 15 minutes").await;
                // What is typed is what the list of intervals shows.
                it.fill("Cron expression", "0 * * * *").await;
                it.click("Change schedule").await;
                let chosen =
                    "return document.getElementById('interval-choice').selectedOptions[0].text";
                it.window.becomes(chosen, "every hour").await;
                it.click("Done").await;
                it.fill("Cron expression", "30 6 * * 1-5").await;
                it.sees("06:30").await;
                it.click("Change schedule").await;
                let parts = "const dialog = document.getElementById('interval');
                     const [every, time] = ['interval-choice', 'interval-time'].map((it) => document.getElementById(it));
                     const days = [...dialog.querySelectorAll('[data-day]')].filter((it) => it.checked).length;
                     const next = dialog.querySelectorAll('.next-runs li').length;
                     return `${every.selectedOptions[0].text}, ${time.value}, ${days} days, ${next} runs`";
                it.window.becomes(parts, "every day, 06:30, 5 days, 5 runs").await;
                it.tick("Fri").await;
                it.window
                    .becomes("return document.getElementById('schedule').value", "30 6 * * 1-4")
                    .await;
                it.tick("Fri").await;
                it.click("Done").await;
            }
            Scripts::Off => it.choose("Or an interval, in its place", "every 15 minutes").await,
        }
        self.pass("schedule").await;
        self.picture("schedule", 900).await;
        it.click("Save and Return").await;
        it.sees("Create Connector").await;
        it.click(CONNECTOR).await;
        it.click("Sync Settings").await;
        assert!(it.window.is_checked("Enable Scheduled Synchronization").await);
        let expression = it.window.value("Cron expression").await;
        let expected = if self.scripts == Scripts::On { "30 6 * * 1-5" } else { "*/15 * * * *" };
        assert_eq!(expression, expected);
        it.sees("Next runs").await;
    }
}
