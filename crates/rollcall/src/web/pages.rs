//! The pages, one file per screen.

pub mod account;
pub mod audit;
pub mod connector;
pub mod connector_delete;
pub mod connector_new;
pub mod connector_test;
pub mod connectors;
pub mod directory;
pub mod download;
pub mod explain;
pub mod groups;
pub mod health_report;
pub mod help;
pub mod overview;
pub mod plan;
pub mod plans;
pub mod run;
pub mod runs;
pub mod search;
pub mod set_up;
pub mod settings;
pub mod sign_in;
pub mod simulation;
pub mod style_guide;
pub mod targets;
pub mod users;
