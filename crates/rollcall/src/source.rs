//! Identity providers: where users and groups are read from.

pub mod onelogin;
