//! OneLogin, read through its admin REST API.

pub mod base_url;
pub mod error;
pub mod report;
pub mod settings;
