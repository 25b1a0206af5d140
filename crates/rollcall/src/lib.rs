//! Keeps the users and groups of Atlassian products equal to an identity provider.
//!
//! `reconcile` decides; everything here acts.

pub mod cli;
pub mod config;
pub mod export;
pub mod health;
pub mod http;
pub mod notation;
pub mod people;
pub mod plans;
pub mod run;
pub mod schedule;
pub mod scheduler;
pub mod seal;
pub mod secret;
pub mod simulations;
pub mod source;
pub mod store;
pub mod sync;
pub mod target;
pub mod telemetry;
pub mod trial;
pub mod web;
