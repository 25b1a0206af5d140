//! The pages, one file per screen.

pub mod account;
pub mod connectors;
pub mod overview;
pub mod set_up;
pub mod sign_in;
