use super::*;
use crate::world::record;

const FIELDS: [&str; 8] =
    ["id", "username", "email", "firstname", "lastname", "title", "department", "company"];

fn check_field(path: &str) -> Result<(), String> {
    let is_known = FIELDS.contains(&path) || path.starts_with("custom_attributes.");
    if is_known { Ok(()) } else { Err(format!("There is no field {path}.")) }
}

fn parse(rows: &[&str]) -> Result<PersonRules, RuleError> {
    let rows: Vec<String> = rows.iter().map(|&it| it.to_owned()).collect();
    PersonRules::parse(&rows, None, &check_field)
}

/// What a row makes of Maya Lee, whose account has the title Lead if she has one.
fn made(row: &str, existing: Option<&Arc<User>>) -> String {
    let rules = parse(&[row]).unwrap_or_else(|error| panic!("{row}: {error}"));
    let maya = record("7 Maya.Lee@Acme.com first=Maya last=Lee .title=Boss .company=Acme");
    let target = notation::row(row, &check_field).unwrap().target;
    match rules.person(&maya, existing) {
        Ok(Person::User(user)) if target == Target::Active => user.active.to_string(),
        Ok(Person::User(user)) => target.of(&user).unwrap_or("-").to_owned(),
        Ok(Person::Skipped(why)) => format!("skipped: {why}"),
        Err(finding) => format!("{}: {}", finding.kind.word(), finding.message),
    }
}

fn account() -> Arc<User> {
    let title = BTreeMap::from([(Arc::from("synch.title"), Box::from("Lead"))]);
    let attributes = Attributes::new(title);
    Arc::new(User { attributes, ..super::super::user(&record("7 maya")).unwrap() })
}

#[test]
fn a_row_makes_its_target_of_the_first_source_that_has_a_value() {
    for (row, expected) in [
        ("username = username | lower | strip-domain", "maya.lee"),
        ("username = department or username | lower", "maya.lee@acme.com"),
        ("Username=custom_attributes.nick or \"{firstname}.{lastname}\" | lower", "maya.lee"),
        ("e-mail = username", "Maya.Lee@Acme.com"),
        ("email = department", ""),
        ("first name = lastname", "Lee"),
        ("last-name = \"{lastname} ({department})\"", "Lee ()"),
        ("display-name = \"{lastname}, {firstname}\"", "Lee, Maya"),
        ("display-name = \"{department}\" or \"{{x}} \"\"y\"\"\"", "{x} \"y\""),
        ("title = title", "Boss"),
        ("title = title | map Boss = Lead", "Lead"),
        ("department = \"Sales\"", "Sales"),
        ("organization = company | upper", "ACME"),
        ("synch.cost-center = custom_attributes.cost", "-"),
        ("synch.place = custom_attributes.place | default Berlin", "Berlin"),
        ("time zone = \"Europe/Berlin\"", "Europe/Berlin"),
        ("email = \"{mapped.username}@acme.test\"", "Maya.Lee@Acme.com@acme.test"),
        ("active = title | map Boss = yes else no", "true"),
        ("active = title | map Lead = yes else no", "false"),
        ("title = {{ user.title[:2] }} | upper", "BO"),
        ("title = {{ user.department }} or {{ user.title | upper }}", "BOSS"),
        ("active = {{ groups.has(\"jira-*\") }}", "false"),
        ("title = {{ \"new\" if existing is none else \"known\" }}", "new"),
        (
            "title = {{ drop() if existing is none }}",
            "skipped: the row of the title says to skip them",
        ),
    ] {
        assert_eq!(made(row, None), expected, "{row}");
    }
}

#[test]
fn where_no_transformation_applies_the_row_says_what_is_done() {
    let account = account();
    for (row, new, present) in [
        ("title = title | map Lead = x", "Boss", "Boss"),
        ("title = title | map Lead = x; otherwise untransformed", "Boss", "Boss"),
        ("title = title | map Lead = x; otherwise ignore", "-", "Lead"),
        ("title = title | map Lead = x; otherwise clear", "-", "-"),
        ("title = department; otherwise ignore", "-", "Lead"),
        ("title = title | map Boss = x; otherwise clear", "x", "x"),
        ("title = title | map \"a;b\" = \"c|d\" else \"e;f\"; otherwise clear", "e;f", "e;f"),
    ] {
        assert_eq!(made(row, None), new, "{row}");
        assert_eq!(made(row, Some(&account)), present, "{row}");
    }
    let skipped = "skipped: the row of the title says to skip them";
    assert_eq!(made("title = title | map Lead = x; otherwise skip", None), skipped);
    assert_eq!(made("title = department; otherwise skip", None), skipped);
    assert_eq!(made("title = title; otherwise skip", None), "Boss");
    assert_eq!(made("username = username | split : 1; otherwise ignore", Some(&account)), "maya");
}

#[test]
fn a_field_that_the_source_does_not_have_clears_nothing_and_leaves_nobody_out() {
    let account = account();
    let off = Arc::new(User { active: false, ..User::clone(&account) });
    let maya = record("7 maya .title=Boss .custom_attributes.floor? .custom_attributes.desk=");
    let made = |row: &str, existing: Option<&Arc<User>>| {
        let target = notation::row(row, &check_field).unwrap().target;
        match parse(&[row]).unwrap().person(&maya, existing) {
            Ok(Person::User(user)) if target == Target::Active => user.active.to_string(),
            Ok(Person::User(user)) => target.of(&user).unwrap_or("-").to_owned(),
            Ok(Person::Skipped(why)) => format!("skipped: {why}"),
            Err(finding) => finding.message,
        }
    };
    let no_username = "Has no username; mend the row of the username or the source.";
    for (row, new, present) in [
        // A field without a value is one that is told.
        ("title = custom_attributes.desk", "-", "-"),
        ("title = custom_attributes.floor", "-", "Lead"),
        ("title = custom_attributes.floor or title", "-", "Lead"),
        ("title = \"{title} {custom_attributes.floor}\"", "-", "Lead"),
        ("title = {{ user.custom_attributes.floor }}", "-", "Lead"),
        ("title = custom_attributes.floor | default none", "-", "Lead"),
        ("title = custom_attributes.floor; otherwise clear", "-", "Lead"),
        ("title = custom_attributes.floor; otherwise skip", "-", "Lead"),
        ("title = title", "Boss", "Boss"),
        ("username = custom_attributes.floor", no_username, "maya"),
        // Nobody new is let in for want of what might keep them out.
        ("active = custom_attributes.floor | map 3 = no else yes", "false", "true"),
    ] {
        assert_eq!(made(row, None), new, "{row}");
        assert_eq!(made(row, Some(&account)), present, "{row}");
    }
    assert_eq!(made("active = custom_attributes.floor", Some(&off)), "false");
    let rules = parse(&["title = custom_attributes.floor"]).unwrap();
    let traced = rules.trace(&maya, None).unwrap();
    let told = traced.iter().find(|it| it.after == After::Untold).unwrap().to_string();
    assert!(told.ends_with("what the account has, as the source has no such field"), "{told}");
}

#[test]
fn what_a_directory_cannot_hold_is_a_finding() {
    let long = format!("title = \"{}\"", "x".repeat(256));
    for (row, expected) in [
        (
            "username = department",
            "invalid: Has no username; mend the row of the username or the source.",
        ),
        ("active = title", "invalid: The row of active gives neither yes nor no."),
        ("active = department", "invalid: The row of active gives no value; it is yes or no."),
        (&long, "invalid: The synch.title has 256 characters; Atlassian products hold 255."),
    ] {
        assert_eq!(made(row, None), expected, "{row}");
    }
    let mut ada = record("7 ada");
    ada.username = Some("a\u{7}da".into());
    let rules = parse(&["title = username"]).unwrap();
    let finding = rules.person(&ada, None).unwrap_err();
    assert!(finding.message.contains("control character"), "{finding:?}");
    ada.username = Some("x".repeat(5_000).into());
    let finding = parse(&["title = username | lower"]).unwrap().person(&ada, None).unwrap_err();
    assert_eq!(finding.message, "The title cannot be worked out: it is longer than 4096 bytes.");
}

#[test]
fn rows_that_cannot_be_used_are_refused_with_the_reason() {
    for (rows, why) in [
        (&["username"][..], "A row is a target, an equals sign and a source"),
        (&["= email"], "The target is missing"),
        (&["user = email"], "There is no target \"user\""),
        (&["synch. = email"], "An attribute is synch. and a name"),
        (&["synch.a\u{e9} = email"], "An attribute is synch. and a name"),
        (&["title = "], "A source is missing"),
        (&["title = or email"], "A source is missing"),
        (&["title = email or"], "A source is missing"),
        (&["title = email lower"], "Between two sources stands \"or\""),
        (&["title = emial"], "There is no field emial."),
        (&["title = \"{emial}\""], "There is no field emial."),
        (&["title = \"{email\""], "A closing brace is missing"),
        (&["title = \"email}\""], "A } stands alone"),
        (&["title = \"email"], "A closing quote is missing"),
        (&["title = email |"], "A transformation is missing"),
        (&["title = email | shout"], "shout"),
        (&["title = email | replace \"/(/\" \"\""], "cannot be used"),
        (&["title = email;"], "After the ; follows"),
        (&["title = email; otherwise explode"], "\"explode\" is nothing that can be done"),
        (&["title = email\u{7}"], "control character"),
        (&["title = email", "synch.title = username"], "\"title\" is made by another row, too"),
        (&["mail = email", "e-mail = username"], "\"email\" is made by another row, too"),
        (&["title = mapped.title"], "in a circle: title"),
        (&["title = mapped.phone", "phone = \"{mapped.title}\""], "in a circle: title, phone"),
        (&["email = mapped.username", "username = mapped.email"], "in a circle"),
        (&["title = mapped.phone"], "No row makes \"phone\"."),
        (&["title = mapped.active"], "no text to use"),
        (&["title = {{ user.title"], "The closing braces of the expression are missing"),
        (&["title = {{ user.title + }}"], "The expression cannot be used."),
        (&["title = {{ user.emial }}"], "There is no field emial."),
        (&["title = {{ saml.title }}"], "there is no \"saml.title\""),
    ] {
        let error = parse(rows).unwrap_err().to_string();
        assert!(error.contains(why), "{rows:?}: {error}");
    }
    let many: Vec<String> = (0..101).map(|it| format!("synch.a{it} = email")).collect();
    let error = PersonRules::parse(&many, None, &check_field).unwrap_err();
    assert!(error.why.contains("more than 100 rows"), "{error}");
}

#[test]
fn the_fixed_rules_are_what_their_rows_say() {
    // One row more, so that the others are worked out as rows.
    let rules = parse(&["synch.none = custom_attributes.none"]).unwrap();
    for line in [
        "7 ada",
        "7 Ada first=Ada last=Lee",
        "7 ada first=_Ada_ last=",
        "7 _ mail=ada@acme.test",
        "7 ada mail= off",
        "7 ada pending",
        "7 ada last=Lee",
    ] {
        let record = record(line);
        let fixed = PersonRules::FIXED.person(&record, None);
        assert_eq!(rules.person(&record, None), fixed, "{line}");
    }
}

#[test]
fn a_key_is_a_field_and_part_of_what_it_gives() {
    let key = |typed: &str| PersonRules::parse(&[], Some(typed), &check_field);
    for typed in ["", "emial", "email; otherwise skip", "\"{email}\"", "email or username"] {
        assert!(key(typed).is_err(), "{typed}");
    }
    let rules = key("custom_attributes.number | trim").unwrap();
    let of = |line: &str| rules.key(&record(line)).unwrap().map(|it| it.to_string());
    assert_eq!(of("7 ada .custom_attributes.number=A17").unwrap(), "custom_attributes.number:a17");
    assert!(of("7 ada").unwrap_err().starts_with("Has no \"custom_attributes.number\""));
    assert_eq!(rules.fields().collect::<Vec<_>>().last(), Some(&"custom_attributes.number"));
}
