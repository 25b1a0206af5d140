use std::time::{Duration, Instant};

use super::*;
use crate::principal::{Attributes, ExternalId, Grant, Name, User};

const VOCABULARY: [&str; 6] =
    ["user.email", "user.department", "user.custom_attributes.*", "existing", "groups", "reason"];

fn compile(source: &str) -> Result<Expression, ExpressionError> {
    Expression::compile(source, &VOCABULARY)
}

fn ada() -> Arc<User> {
    Arc::new(User {
        id: ExternalId::new("7"),
        username: Name::new("Ada"),
        email: "ada@acme.test".into(),
        display_name: "Ada Lee".into(),
        first_name: "Ada".into(),
        last_name: "Lee".into(),
        active: true,
        attributes: Attributes::default(),
        source_id: None,
    })
}

fn groups() -> Groups {
    let grant = |kind: &str, group: &str| {
        let (kind, origin) = (kind.into(), format!("{kind} {group:?}").into());
        Arc::new(Grant { group: Name::new(group), kind, origin })
    };
    Groups::granted(&[grant("role", "Jira Users"), grant("group", "Sales")])
}

/// What an expression says of Ada, who has an account, or of Bob, who has none and no department.
fn ask(source: &str, is_ada: bool) -> Result<Answer, String> {
    let expression = compile(source).map_err(|error| error.to_string())?;
    let long = "a".repeat(4_000);
    let text = |path: &str| match path {
        "user.email" => Some("Ada.Lee@ACME.test"),
        "user.department" => is_ada.then_some("Sales, EMEA"),
        "user.custom_attributes.cost_center" => Some("4711"),
        "user.custom_attributes.long" => Some(&*long),
        "reason" => Some("gone"),
        _ => None,
    };
    let (ada, groups) = (ada(), if is_ada { groups() } else { Groups::default() });
    let existing = is_ada.then_some(&ada);
    expression.answer(&Variables { text: &text, has_user: true, existing, groups: &groups })
}

#[track_caller]
fn check(source: &str, expected: &str) {
    let said = match ask(source, true) {
        Ok(Answer::Text(text)) => text,
        Ok(Answer::YesNo(yes)) => (if yes { "yes" } else { "no" }).to_owned(),
        Ok(Answer::Nothing) => "nothing".to_owned(),
        Ok(Answer::Drop) => "drop".to_owned(),
        Err(error) => error,
    };
    assert_eq!(said, expected, "{source}");
}

#[test]
fn an_expression_gives_a_text_yes_or_no_nothing_or_drops() {
    for (source, expected) in [
        ("user.email", "Ada.Lee@ACME.test"),
        ("'it'", "it"),
        ("1 + 2", "3"),
        ("true", "yes"),
        ("none", "nothing"),
        ("user.custom_attributes.floor", "nothing"),
        ("user.custom_attributes.cost_center + '-' + reason", "4711-gone"),
        ("drop()", "drop"),
        ("drop() if existing is none else user.email", "Ada.Lee@ACME.test"),
        ("'a' if existing.active and reason == 'gone' else 'b'", "a"),
        ("existing.username", "Ada"),
        ("existing.id + existing.email + existing.last_name", "7ada@acme.testLee"),
        ("groups.has('jira users')", "yes"),
        ("groups.has('JIRA *') and not groups.has('dev')", "yes"),
        ("groups.has('/^sa.*s$/', 'group')", "yes"),
        ("groups.has('Sales', 'role')", "no"),
        ("groups.of('role') | join('|')", "Jira Users"),
        ("groups | join(', ')", "Jira Users, Sales"),
        ("groups | length", "2"),
        ("(groups | first) + (groups | last)", "Jira UsersSales"),
        ("groups.of('member_of') | first", "nothing"),
        ("'Sales' in groups", "yes"),
        ("groups[1]", "Sales"),
        ("user.email is endingwith '@ACME.test'", "yes"),
        ("user.email is not startingwith('Ada')", "no"),
        ("user.email is matching('ada.*')", "yes"),
        ("user.email is containing 'Lee'", "yes"),
        ("reason in ['gone', 'out of scope']", "yes"),
        ("first_of(user.custom_attributes.floor, '', ' ', reason)", "gone"),
        ("first_of(none, '')", "nothing"),
        ("user.department | split(',', 1) | lower", "sales"),
        ("user.department[:5]", "Sales"),
    ] {
        check(source, expected);
    }
}

#[test]
fn every_transformation_is_a_filter() {
    for (source, expected) in [
        ("user.email | lower", "ada.lee@acme.test"),
        ("user.email | upper", "ADA.LEE@ACME.TEST"),
        ("' a ' | trim", "a"),
        ("user.email | strip_domain", "Ada.Lee"),
        ("user.email | replace('.', '-')", "Ada-Lee@ACME-test"),
        ("user.email | replace_first('.', '-')", "Ada-Lee@ACME.test"),
        (r"user.email | replace('/^(\\w+)\\.(\\w+)@.*$/', '$2 $1')", "Lee Ada"),
        ("user.email | split('@', -1)", "ACME.test"),
        ("user.email | take(3)", "Ada"),
        ("'a' | prefix('x') | suffix('y')", "xay"),
        ("user.department | map({'sales, emea': 'S'})", "S"),
        ("user.department | map({'HR': 'H'}, 'other')", "other"),
        ("user.department | map({'HR': 'H'})", "Sales, EMEA"),
        ("none | default('x')", "x"),
        ("'' | default('x')", "x"),
        ("'y' | default('x')", "y"),
        ("'2026-11-25' | date('%d.%m.%Y')", "25.11.2026"),
        ("'5/3/2026' | date('%d/%m/%Y', '%F')", "2026-03-05"),
        ("'ﬁ' | nfkc", "fi"),
        ("'ﬁ' | nfc", "ﬁ"),
        ("'Ørsted' | ascii", "Orsted"),
    ] {
        check(source, expected);
    }
    for (name, _) in crate::mapping::transform::notation::USAGES {
        let name = name.replace('-', "_");
        assert!(filters::FILTERS.contains(&&*name), "{name}");
    }
}

#[test]
fn what_is_not_there_never_becomes_a_text() {
    for (source, error) in [
        (
            "user.department | lower",
            "a value is not there; say what stands in for it by default(..)",
        ),
        (
            "'x' | prefix(user.department)",
            "a value is not there; say what stands in for it by default(..)",
        ),
        (
            "user.department is startingwith 'S'",
            "a value is not there; say what stands in for it by default(..)",
        ),
        ("'x' + user.department", "tried to use + operator on unsupported types string and none"),
        ("existing.username + 'x'", "tried to use + operator on unsupported types undefined"),
        ("existing.username == 'x'", "`existing.username` is undefined"),
        ("user.department[:3] + 'x'", ""),
        ("existing.username | lower", "a value is not there"),
        ("groups[5] | lower", "a value is not there"),
        ("groups | join(user.department)", ""),
        ("groups", "it gives a value of the kind sequence, which is no answer"),
        ("1 | lower", "a text is needed where there is a number"),
        ("'x' | join(',')", "a list is needed where there is a string"),
    ] {
        let said = ask(source, false).unwrap_err();
        assert!(said.starts_with(error), "{source}: {said}");
    }
    for (source, expected) in [
        ("user.department", Answer::Nothing),
        ("'x' if user.department", Answer::Nothing),
        ("user.department == 'Sales'", Answer::YesNo(false)),
        ("user.department in ['Sales']", Answer::YesNo(false)),
        ("user.department is none and existing is none", Answer::YesNo(true)),
        ("not user.department", Answer::YesNo(true)),
        ("'y' if existing and existing.active else 'n'", Answer::Text("n".to_owned())),
    ] {
        assert_eq!(ask(source, false), Ok(expected), "{source}");
    }
}

#[test]
fn what_is_wrong_for_everybody_is_refused_with_its_place() {
    let long = "a".repeat(SOURCE_BYTES_MAX + 1);
    for (source, line, column, why) in [
        ("", 1, 1, "it is empty"),
        (" \n ", 1, 1, "it is empty"),
        ("1 +", 1, 3, "unexpected end of input, expected expression"),
        ("'a", 1, 3, "unexpected end of string"),
        ("'a' ~ 'b'", 1, 5, "texts are joined by +, not by ~"),
        ("2 * 2", 1, 3, "nothing can be multiplied"),
        ("user.email |\n shout", 2, 2, "there is no filter \"shout\"; there are lower, upper"),
        ("user.email is not odd", 1, 19, "there is no test \"odd\"; there are none"),
        ("'a' +\n user.emial", 2, 2, "there is no \"user.emial\"; there are user.email"),
        ("user", 1, 1, "there is no \"user\"; there are user.email"),
        ("user['email']", 1, 1, "there is no \"user\"; there are user.email"),
        ("user.custom_attributes", 1, 1, "there is no \"user.custom_attributes\""),
        ("existing.shoe", 1, 1, "existing has no \"shoe\"; it has id, username"),
        ("groups.all", 1, 1, "groups are asked by groups.has(name) or groups.of(kind)"),
        ("range(3)", 1, 1, "there is no \"range\""),
        ("{% for x in y %}", 1, 2, "unexpected `%`"),
        ("a\u{0}", 1, 2, "there is a control character in it"),
        ("user.email[0].b + (user).c", 1, 20, "there is no \"user\""),
        ("user.email(b=1)", 1, 12, "there is no \"b\""),
        (&long, 1, 1, "it is longer than 4096 bytes"),
    ] {
        let error = compile(source).unwrap_err();
        assert!(error.why.starts_with(why) && !error.why.is_empty(), "{source}: {error}");
        assert_eq!((error.line, error.column), (line, column), "{source}: {error}");
    }
}

#[test]
fn an_expression_tells_what_it_names() {
    let expression =
        compile("user.email + user.custom_attributes.a if groups.has('x') else 'y'").unwrap();
    let fields: Vec<&str> = expression.fields_of("user").collect();
    assert_eq!(fields, ["custom_attributes.a", "email"]);
    assert!(expression.names("groups") && expression.names("user"));
    assert!(!expression.names("existing") && !expression.names("us"));
    assert_eq!(expression.to_string().parse::<u8>().ok(), None);
    assert_eq!(expression, expression.clone());
}

#[test]
fn only_yes_or_no_decides() {
    let ask = |source: &str| {
        let groups = Groups::default();
        let variables =
            Variables { text: &|_| None, has_user: true, existing: None, groups: &groups };
        compile(source).unwrap().holds(&variables)
    };
    assert_eq!(ask("1 < 2"), Ok(true));
    assert_eq!(ask("not true"), Ok(false));
    for (source, error) in [
        ("'yes'", "it gives a text, not yes or no"),
        ("1", "it gives a text, not yes or no"),
        ("none", "it gives no value, not yes or no"),
        ("drop()", "it drops a person, where it is to say yes or no"),
    ] {
        assert_eq!(ask(source), Err(error.to_owned()));
    }
}

const WORDS: Says<'static> = Says::OneOf(&["delete", "keep"]);

fn refused(source: &str, says: Says<'_>) -> Option<ExpressionError> {
    let purpose = Purpose { says, kinds: &["role", "group"] };
    compile(source).unwrap().check(&purpose).err()
}

#[test]
fn what_can_be_right_for_nobody_is_refused_with_its_place() {
    for (source, says, column, why) in [
        // Texts of which nothing can be made, also where few ever come by.
        (
            "user.email is matching '/(/'",
            Says::YesNo,
            24,
            "The pattern \"/(/\" cannot be used: it is",
        ),
        ("user.email is matching('/(x{500}){500}/')", Says::YesNo, 24, "The pattern \"/(x{500})"),
        ("user.email is not matching ''", Says::YesNo, 28, "The pattern \"\" cannot be used"),
        ("groups.has('/(/')", Says::YesNo, 12, "The pattern \"/(/\" cannot be used"),
        ("reason == 'x' and groups.has('/(/')", Says::YesNo, 30, "The pattern \"/(/\""),
        ("'keep' if groups.has('/(/')", WORDS, 22, "The pattern \"/(/\""),
        (
            "groups.has('x', 'rol')",
            Says::YesNo,
            17,
            "there is no kind \"rol\"; there are role, group",
        ),
        ("(groups.of('roles') | length) == 0", Says::YesNo, 12, "there is no kind \"roles\""),
        ("user.email | replace('/(/', '')", Says::Value, 22, "no regular expression"),
        ("user.email | replace('/(/', user.department)", Says::Value, 22, "no regular expression"),
        ("user.email | replace('a')", Says::Value, 22, ""),
        ("user.email | lower('a')", Says::Value, 20, ""),
        ("['a', user.email | split('', 1)] | join", Says::Value, 26, ""),
        ("user.email | split('.', 0)", Says::Value, 20, ""),
        ("user.email | date('%Q', '%F')", Says::Value, 19, ""),
        ("user.email | map({'a': 'x', 'A': 'y'})", Says::Value, 18, "its table has \"a\" twice"),
        ("user.email | map('a')", Says::Value, 18, "map takes a table"),
        (
            "{'a': [-(1 + 1), user.email[0:1 | length] is matching '/(/']} | length",
            Says::Value,
            55,
            "",
        ),
        // The engine's own words, where everybody fails alike.
        ("reason + 1", WORDS, 1, "tried to use + operator on unsupported types string and number"),
        ("existing.username + 1", WORDS, 1, "tried to use + operator on unsupported types"),
        ("1 - user.email", Says::Value, 1, "tried to use - operator"),
        ("-reason", Says::Value, 1, "invalid operation"),
        ("1 | lower", Says::Value, 5, "a text is needed where there is a number"),
        ("reason | join(',')", Says::Value, 10, "a list is needed where there is a string"),
        ("groups | lower", Says::Value, 10, "a text is needed where there is a sequence"),
        ("1 is matching 'a'", Says::YesNo, 6, "a text is needed"),
        ("(reason + 1) == 2 and true", Says::YesNo, 2, "tried to use +"),
        ("groups.has()", Says::YesNo, 7, "missing argument"),
        ("groups.has(1)", Says::YesNo, 7, ""),
        // What is said is nothing of what is asked.
        ("'yes'", Says::YesNo, 1, "it gives a text, not yes or no"),
        ("1", Says::YesNo, 1, "it gives a text, not yes or no"),
        ("user.email", Says::YesNo, 1, "it gives a text, not yes or no"),
        ("user.email and 'yes'", Says::YesNo, 1, "it gives a text, not yes or no"),
        ("'yes' if user.email == 'x' else 'no'", Says::YesNo, 1, "it gives a text, not yes or no"),
        ("groups | first", Says::YesNo, 1, "it gives a text, not yes or no"),
        ("groups", Says::YesNo, 1, "it gives a value of the kind sequence, which is no answer"),
        ("[1, 2, 3][user.email]", Says::YesNo, 1, "it gives no value, not yes or no"),
        ("drop()", Says::YesNo, 1, "it drops a person, where it is to say yes or no"),
        ("'destroy'", WORDS, 1, "it says \"destroy\", not delete or keep"),
        ("'a' if reason == 'gone' else 'b'", WORDS, 1, "it says "),
        ("existing.active == true", WORDS, 1, "it does not say delete or keep"),
        ("groups", Says::Value, 1, "it gives a value of the kind sequence"),
        ("{'a': user.email}", Says::Value, 1, "it gives a value of the kind map"),
    ] {
        let error = refused(source, says).unwrap_or_else(|| panic!("{source} is let through"));
        assert!(error.why.contains(why) && !error.why.is_empty(), "{source}: {error}");
        assert_eq!((error.line, error.column), (1, column), "{source}: {error}");
    }
    let unkind = Purpose { says: Says::YesNo, kinds: &[] };
    let error = compile("groups.has('x', 'role')").unwrap().check(&unkind).unwrap_err();
    assert_eq!(error.why, "groups have no kind here; ask groups.has(name)");
}

#[test]
fn whatever_may_be_right_for_one_person_is_let_through() {
    for (source, says) in [
        ("true", Says::YesNo),
        ("true if user.email == 'ada@acme.test' else 'no'", Says::YesNo),
        ("1 if (user.email | lower) + 'x' != 'ada@acme.testx' else true", Says::YesNo),
        ("reason + 1 if user.email == 'x' else true", Says::YesNo),
        ("user.email and user.department == 'x'", Says::YesNo),
        ("user.email or true", Says::YesNo),
        ("{'a': true, 'b': 'x'}[user.department]", Says::YesNo),
        ("[1, true, 'x'][groups | length]", Says::YesNo),
        ("(groups | length) > 1", Says::YesNo),
        ("[true] | first", Says::YesNo),
        ("existing.active", Says::YesNo),
        ("user.department in ['a', 'b']", Says::YesNo),
        ("user.email is matching user.department", Says::YesNo),
        ("groups.has(user.department, user.email)", Says::YesNo),
        ("groups.has('x', none)", Says::YesNo),
        ("user.email == 1", Says::YesNo),
        ("none", WORDS),
        ("'destroy' if reason == 'gone' else 'keep'", WORDS),
        ("existing.display_name", WORDS),
        ("'ke' + user.department", WORDS),
        ("reason | map({'gone': 'delete'}, 'keep')", WORDS),
        ("['keep', 1][existing.active]", WORDS),
        ("drop() if existing is none", Says::Value),
        ("[1, user.email][1]", Says::Value),
        ("user.email | take(groups | length)", Says::Value),
        ("user.email | replace(user.department, '/(/')", Says::Value),
        ("'a'.b", Says::Value),
    ] {
        assert_eq!(refused(source, says), None, "{source}");
    }
}

/// What is held to be impossible must be so, or an expression is refused that somebody needs.
#[test]
fn nothing_is_given_that_was_not_held_to_be_possible() {
    let values = [
        "1",
        "true",
        "none",
        "'a'",
        "'0'",
        "groups",
        "existing",
        "existing.active",
        "user.department",
        "reason",
        "drop()",
        "[1, 'a', true]",
        "{'a': true, 1: 2}",
        "(1, 'a')",
        "groups[0]",
        "groups[:1]",
        "first_of(user.department, 'a')",
        "groups | length",
    ];
    let mut sources: Vec<String> = Vec::new();
    for a in values {
        for filter in filters::FILTERS {
            sources.push(format!("({a}) | {filter}"));
            sources.push(format!("({a}) | {filter}('a')"));
            sources.push(format!("({a}) | {filter}(1)"));
        }
        for test in filters::TESTS {
            sources.push(format!("({a}) is {test}"));
            sources.push(format!("({a}) is {test}('a')"));
        }
        sources.extend([format!("not ({a})"), format!("-({a})"), format!("({a}) if ({a}) else 1")]);
        sources.extend([format!("groups.has({a})"), format!("groups.of({a})")]);
        sources.extend([format!("groups.has('a', {a})"), format!("first_of({a}, {a})")]);
        for b in values {
            for sign in
                ["+", "-", "/", "//", "%", "==", "!=", "<", ">=", "in", "not in", "and", "or"]
            {
                sources.push(format!("({a}) {sign} ({b})"));
            }
            sources.extend([
                format!("({a})[{b}]"),
                format!("({a})[{b}:]"),
                format!("({a})[::{b}]"),
            ]);
            sources.push(format!("1 < ({a}) < ({b})"));
            sources.push(format!("({a}) | default({b})"));
            sources.push(format!("({a}) | map({b})"));
            sources.push(format!("({a}) | prefix({b})"));
        }
    }
    let mut told = 0;
    for source in &sources {
        // What is refused as it is written is asked of nobody.
        let Ok(expression) = compile(source) else { continue };
        for is_ada in [true, false] {
            let Ok(answer) = ask(source, is_ada) else { continue };
            for says in [Says::YesNo, Says::Value, Says::OneOf(&["a", "Sales"])] {
                if says.objection(&answer).is_none() {
                    let possible =
                        expression.check(&Purpose { says, kinds: &["role", "a", "0", ""] });
                    assert_eq!(possible, Ok(()), "{source} gives {answer:?}");
                    told += 1;
                }
            }
        }
    }
    assert!(5_000 < told, "{told}");
}

/// Texts that have stopped or crashed other engines.
fn attacks() -> Vec<String> {
    let nested = |open: &str, close: &str, times| open.repeat(times) + "1" + &close.repeat(times);
    let chain = |part: &str| {
        let times = (SOURCE_BYTES_MAX - 1) / part.len();
        format!("1{}", part.repeat(times))
    };
    let mut attacks = vec![
        nested("(", ")", 2_000),
        nested("[", "]", 2_000),
        nested("{1:", "}", 1_000),
        nested("drop(", ")", 600),
        "(".repeat(4_000),
        "-".repeat(4_000) + "1",
        "not ".repeat(1_000) + "1",
        chain("+1"),
        chain("+'1'"),
        chain("**9"),
        chain(".a"),
        chain("[0]"),
        chain("|lower"),
        chain(" if 1 else 1"),
        chain("<1"),
        chain(" is none"),
        chain("()"),
        format!("'a'{}", "*99".repeat(60)),
        "'a' * 99999999 * 99999999".to_owned(),
        "['a'] * 99999999".to_owned(),
        "[[1] * 9999] * 9999".to_owned(),
        "9 ** 9 ** 9 ** 9".to_owned(),
        "99999999999999999999999999999999999999 * 99999999999999999999999999999999999999"
            .to_owned(),
        "-170141183460469231731687303715884105728 // -1".to_owned(),
        "1 // 0".to_owned(),
        "1 % 0".to_owned(),
        "'%999999999d' % 1".to_owned(),
        "'abc'[::0]".to_owned(),
        "'abc'[-99999999999999999999:99999999999999999999]".to_owned(),
        "[1, 2] + [3] * 5000000".to_owned(),
        "('x' * 4000) | replace('x', 'y' * 4000)".to_owned(),
        "('x' * 100000) | lower".to_owned(),
        "user.custom_attributes.long | replace('/(a|aa)+$/', '$0$0')".to_owned(),
        "user.custom_attributes.long | replace('/.*[^a]|[a]/', 'b')".to_owned(),
        "user.custom_attributes.long is matching('/(a?){50}a{50}$/')".to_owned(),
        "'a' | take(99999999999999999999)".to_owned(),
        "'2026-01-01' | date('%999999999Y')".to_owned(),
        "'a' | replace('/[a-z]{1000}{1000}/', '')".to_owned(),
        format!("groups.has('{}')", "*?".repeat(400)),
        "debug()".to_owned(),
        "range(999999999)".to_owned(),
        "{% macro m() %}{{ m() }}{% endmacro %}{{ m() }}".to_owned(),
        "{{ self }}".to_owned(),
        "'x' + [1] * 9999999".to_owned(),
        "[[1] * 9999] * 9999 | join".to_owned(),
        "([1] * 9999999) | length".to_owned(),
        "(['xxxxxxxx'] * 9999999) | join('x')".to_owned(),
        "1 in [1] * 99999999 or 2 in [1] * 99999999".to_owned(),
        "[1] * 99999999 == [1] * 99999999".to_owned(),
        "{'a': [1] * 99999999} | lower".to_owned(),
        "user.email.__class__".to_owned(),
        "lipsum(9)".to_owned(),
    ];
    // As much of everything as is let through.
    for part in ["+1", ".a", "[0]", "|lower", "<1", "()", " and 1", " or 1", "//1", "/1"] {
        attacks.push(format!("1{}", part.repeat(190)));
    }
    attacks.push(nested("(", ")", 16));
    attacks.push(nested("[", "]", 16));
    attacks.push("not ".repeat(190) + "1");
    attacks.push("-".repeat(190) + "1");
    attacks.push("1 if 1 else ".repeat(95) + "1");
    attacks.push(nested("(1 if (not -1+1/1 < 1) else ", ")", 15));
    attacks.push(format!("[{}]", "'aaaa',".repeat(580)));
    attacks.push(format!(
        "'a' | map({{{}}})",
        (0..300).map(|it| format!("'{it}':'b',")).collect::<String>()
    ));
    // Doubling a text within itself, as deep as it may be.
    let mut doubled = "'xxxxxxxxxxxxxxxx'".to_owned();
    for _ in 0..6 {
        doubled = format!("({doubled} + {doubled})");
    }
    attacks.push(doubled);
    let costly = "|replace('/(a|b|.)*$/','$0')";
    attacks.push(format!("user.custom_attributes.long{}", costly.repeat(60)));
    let many: String = (0..60).map(|it| format!("+('a'|replace('/a{it}/',''))")).collect();
    attacks.push(format!("'a'{many}"));
    attacks
}

/// On a stack a quarter of what a thread has at least, and each in a time nobody notices.
#[test]
fn no_expression_stops_or_crashes_whoever_asks() {
    let on_a_small_stack = std::thread::Builder::new().stack_size(512 * 1024).spawn(|| {
        for attack in attacks() {
            let start = Instant::now();
            drop(ask(&attack, true));
            if let Ok(expression) = compile(&attack) {
                drop(expression.check(&Purpose { says: Says::YesNo, kinds: &[] }));
            }
            let took = start.elapsed();
            let shown: String = attack.chars().take(60).collect();
            assert!(took < Duration::from_secs(2), "{shown} took {took:?}");
        }
    });
    on_a_small_stack.unwrap().join().unwrap();
}
