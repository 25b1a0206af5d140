//! Protected people.

use super::*;

#[test]
fn a_protected_person_is_told_of_and_not_changed() {
    let policy = Policy {
        cleanup: Cleanup::Delete,
        empty_groups: EmptyGroups::Remove,
        protected: Patterns::parse(&["ADMIN", "*@partner.example", "7"]).unwrap(),
        ..POLICY
    };
    check_policy(
        &policy,
        "2 bob mail=bob@partner.example first=Bob : ops
         7 dee.lee mail=dee@acme.test
         8 eve mail=eve@partner.example : dev
         9 dee",
        "1 admin : dev ops
         2 bob mail=bob@partner.example : ops
         7 dee",
        &expect![[r#"
            conflict 9: The username is held by the active account of 7, which keeps it.
            protected 1: Protected by "ADMIN", so nothing was done. Otherwise: - remove admin (gone, asked for by id).
            protected 2: Protected by "*@partner.example", so nothing was done. Otherwise: ~ update bob: display name "bob" -> "Bob", first name "" -> "Bob" (differs from the source).
            protected 7: Protected by "7", so nothing was done. Otherwise: ~ rename dee to dee.lee (differs from the source); ~ update dee: display name "dee" -> "dee.lee" (differs from the source).
            protected 8: Protected by "*@partner.example", so nothing was done. Otherwise: + create eve (eve) (new in the source); + add eve to group dev (granted by role "dev").
        "#]],
    );
}

#[test]
fn a_source_cannot_take_protection_away() {
    let policy = Policy { protected: Patterns::parse(&["root"]).unwrap(), ..POLICY };
    check_policy(
        &policy,
        "1 rooted mail=root@acme.test",
        "1 root",
        &expect![[r#"
        protected 1: Protected by "root", so nothing was done. Otherwise: ~ rename root to rooted (differs from the source); ~ update root: display name "root" -> "rooted" (differs from the source).
    "#]],
    );
    check_policy(
        &policy,
        "1 root mail=rooted@acme.test",
        "1 rooted",
        &expect![[r#"
        protected 1: Protected by "root", so nothing was done. Otherwise: ~ rename rooted to root (differs from the source); ~ update rooted: display name "rooted" -> "root" (differs from the source).
    "#]],
    );
}
