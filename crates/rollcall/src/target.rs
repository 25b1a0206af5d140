//! Atlassian directories that a connector keeps equal to its source.

pub mod password;
