#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    reason = "a test that goes wrong shall stop at once"
)]

mod access;
mod changes;
mod chaos;
mod client;
mod faults;
mod groups_and_roles;
mod paging;
mod people;
mod sdk;
mod side_channel;
mod tokens;
mod v1;
