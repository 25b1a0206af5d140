//! OneLogin, read through its admin REST API.

pub mod settings;
