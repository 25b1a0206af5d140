//! The side channel in process: what an admin does in OneLogin's portal, and what a test needs.

use std::{borrow::Cow, sync::Arc};

use serde_json::{Map, Value};

use super::{
    command::{Command, Steer},
    fault::{Fault, When},
    quirks::Quirks,
    tenant::{Refused, Tenant},
    user::User,
    world::{Calls, Ledger, World},
};

#[derive(Debug, Clone)]
pub struct Admin {
    world: Arc<World>,
}

impl Admin {
    pub(super) fn new(world: Arc<World>) -> Admin {
        Admin { world }
    }

    /// The id of what was created, if something was.
    pub fn run(&self, command: Command) -> Result<Option<i64>, Refused> {
        command.run(&self.world)
    }

    /// Looks at the tenant without any delay or fault.
    pub fn with_tenant<T>(&self, look: impl FnOnce(&Tenant) -> T) -> T {
        look(&self.world.tenant())
    }

    pub fn user(&self, id: i64) -> Option<User> {
        self.world.tenant().user(id).map(Cow::into_owned)
    }

    /// The id is chosen when the given one is 0.
    pub fn create_user(&self, user: User) -> Result<i64, Refused> {
        self.created(Command::CreateUser { user: Box::new(user) })
    }

    /// Sets the named fields: `update_user(id, json!({"email": null}))`.
    pub fn update_user(&self, id: i64, set: Value) -> Result<(), Refused> {
        self.done(Command::UpdateUser { id, set: fields(set)? })
    }

    pub fn delete_user(&self, id: i64) -> Result<(), Refused> {
        self.done(Command::DeleteUser { id })
    }

    pub fn create_role(&self, name: &str) -> Result<i64, Refused> {
        self.created(Command::CreateRole { id: None, name: name.to_owned() })
    }

    pub fn rename_role(&self, id: i64, name: &str) -> Result<(), Refused> {
        self.done(Command::RenameRole { id, name: name.to_owned() })
    }

    pub fn delete_role(&self, id: i64) -> Result<(), Refused> {
        self.done(Command::DeleteRole { id })
    }

    pub fn add_role_member(&self, role: i64, user: i64) -> Result<(), Refused> {
        self.done(Command::AddRoleMember { role, user })
    }

    pub fn remove_role_member(&self, role: i64, user: i64) -> Result<(), Refused> {
        self.done(Command::RemoveRoleMember { role, user })
    }

    pub fn create_group(&self, name: &str) -> Result<i64, Refused> {
        self.created(Command::CreateGroup { id: None, name: name.to_owned() })
    }

    pub fn rename_group(&self, id: i64, name: &str) -> Result<(), Refused> {
        self.done(Command::RenameGroup { id, name: name.to_owned() })
    }

    pub fn delete_group(&self, id: i64) -> Result<(), Refused> {
        self.done(Command::DeleteGroup { id })
    }

    pub fn quirks(&self) -> Quirks {
        self.world.control().quirks.clone()
    }

    pub fn set_quirks(&self, change: impl FnOnce(&mut Quirks)) {
        change(&mut self.world.control().quirks);
    }

    pub fn inject(&self, fault: Fault) {
        self.steer(Steer::Inject { fault });
    }

    pub fn clear_faults(&self) {
        self.steer(Steer::ClearFaults);
    }

    /// Calls that other integrations of the account make.
    pub fn consume(&self, calls: u32) {
        self.steer(Steer::Consume { calls });
    }

    /// The token that is out has no second left.
    pub fn expire_token(&self) {
        self.steer(Steer::AgeToken { remaining_seconds: 0 });
    }

    pub fn age_token(&self, remaining_seconds: i64) {
        self.steer(Steer::AgeToken { remaining_seconds });
    }

    pub fn revoke_token(&self) {
        self.steer(Steer::RevokeToken);
    }

    pub fn move_clock(&self, seconds: i64) {
        self.steer(Steer::MoveClock { seconds });
    }

    pub fn ledger(&self) -> Ledger {
        self.world.control().ledger.clone()
    }

    /// The calls of one endpoint, named as in `GET /api/2/users`.
    pub fn calls(&self, endpoint: &str) -> Calls {
        self.world.control().ledger.get(endpoint).copied().unwrap_or_default()
    }

    pub fn reset_ledger(&self) {
        self.steer(Steer::ResetLedger);
    }

    /// Runs `commands` when the n-th good answer is ready, before it is sent.
    pub fn after(&self, after: When, commands: Vec<Command>) {
        self.steer(Steer::After { after, commands });
    }

    fn created(&self, command: Command) -> Result<i64, Refused> {
        self.run(command)?.ok_or_else(|| Refused("nothing was created".to_owned()))
    }

    fn done(&self, command: Command) -> Result<(), Refused> {
        self.run(command).map(drop)
    }

    fn steer(&self, steer: Steer) {
        // Only changes of the tenant and of named quirks can be refused.
        drop(self.run(Command::Steer(steer)));
    }
}

fn fields(set: Value) -> Result<Map<String, Value>, Refused> {
    match set {
        Value::Object(fields) => Ok(fields),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            Err(Refused(format!("not an object of fields: {set}")))
        }
    }
}
