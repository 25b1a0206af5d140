//! Somebody explained with settings that need not be saved, by the last kept read.

use super::draft::Draft;
use crate::notation::{self, shell_word};
use crate::store::connectors::Connector;
use crate::web::App;
use crate::web::form::Form;
use crate::web::pages::explain::{self, Shown};
use crate::web::refusal::Refusal;
use crate::web::visit::Visit;

/// The part of the page where somebody is explained.
#[derive(Debug, Default)]
pub struct Explaining {
    /// As somebody typed it.
    pub user: String,
    pub shown: Option<Shown>,
    pub command: String,
}

impl Explaining {
    /// What stands in the field, before anybody is explained.
    pub fn typed(form: &mut Form) -> Explaining {
        Explaining { user: form.optional("explain-user"), ..Explaining::default() }
    }

    /// Explains by the settings of a draft that is fine.
    pub async fn with(
        mut self,
        app: &App,
        visit: &Visit,
        connector: &Connector,
        draft: &Draft,
    ) -> Result<Explaining, Refusal> {
        let flags = notation::flags(&connector.settings, &draft.settings);
        let name = shell_word(connector.name.as_str());
        let user = shell_word(&self.user);
        self.command = format!("rollcall user explain {name} {user} --last-read{flags}");
        let unsaved = Connector { settings: draft.settings.clone(), ..connector.clone() };
        self.shown = Some(explain::by_last_read(app, visit, unsaved, &self.user).await?);
        Ok(self)
    }
}
