use super::*;

fn parse(typed: &str) -> Transformations {
    typed.parse().unwrap_or_else(|error| panic!("{typed}: {error}"))
}

#[track_caller]
fn check(typed: &str, value: &str, expected: &str) {
    let transformed = parse(typed).apply(value).unwrap();
    assert_eq!(transformed.value, expected, "{typed} of {value:?}");
}

#[test]
fn each_transformation_does_what_its_name_says() {
    for (typed, value, expected) in [
        ("", " as it is ", " as it is "),
        ("lower", "Ada ÄÖ ΟΔΟΣ", "ada äö οδος"),
        ("upper", "straße ﬁ", "STRASSE FI"),
        ("trim", "\u{a0} \tada lee\n", "ada lee"),
        ("strip-domain", "ada@acme.test", "ada"),
        ("strip_domain", "\"a@b\"@acme.test", "\"a@b\""),
        ("strip-domain", "ada", "ada"),
        ("strip-domain", "@acme.test", "@acme.test"),
        (r#"replace "." "-""#, "a.b.c", "a-b-c"),
        (r#"replace-first "." "-""#, "a.b.c", "a-b.c"),
        (r#"replace "$1" "$2""#, "pay $1 now", "pay $2 now"),
        (r#"replace "aa" "a""#, "aaaaa", "aaa"),
        (r#"replace "/^ext-(.*)$/" "$1""#, "ext-ada", "ada"),
        (r#"replace "/^ext-(.*)$/" "$1""#, "EXT-ada", "EXT-ada"),
        (r#"replace "/^ext-(.*)$/i" "$1""#, "EXT-ada", "ada"),
        (r#"replace "/(\w+)\.(\w+)/" "$2, $1""#, "ada.lee", "lee, ada"),
        (r#"replace "/(?<first>\w+) (?<last>\w+)/" "${last}_${1}""#, "ada lee", "lee_ada"),
        (r#"replace "/(a)/" "$1x$10$$""#, "a", "axa0$"),
        (r#"replace-first "/[0-9]/" "_""#, "a1b2", "a_b2"),
        (r#"replace "/x*/" "-""#, "ab", "-a-b-"),
        (r#"replace "/(b)?/" "<$1>""#, "b", "<b>"),
        (r#"replace "/\//" "-""#, "a/b", "a-b"),
        (r#"replace "say ""hi""" "hi""#, "say \"hi\"", "hi"),
        ("split @ 1", "ada@acme.test", "ada"),
        ("split @ -1", "ada@acme.test", "acme.test"),
        (r#"split ", " 2"#, "Sales, EMEA, Berlin", "EMEA"),
        ("split @ 3", "ada@acme.test", "ada@acme.test"),
        ("split @ 1", "ada", "ada"),
        ("take 3", "änne", "änn"),
        ("take 30", "änne", "änne"),
        ("take -2", "anné", "né"),
        ("take -20", "anné", "anné"),
        ("prefix ext-", "ada", "ext-ada"),
        ("prefix ext-", "", ""),
        (r#"suffix " (external)""#, "Ada Lee", "Ada Lee (external)"),
        (r#"map "Sales" = "S", IT = "I""#, " sales ", "S"),
        (r#"map "Sales" = "S", IT = "I""#, "HR", "HR"),
        (r#"map "Sales" = "S" else "other""#, "HR", "other"),
        (r#"map "" = "none""#, "", "none"),
        (r#"default "n/a""#, "  ", "n/a"),
        (r#"default "n/a""#, "Sales", "Sales"),
        ("date %d.%m.%Y", "2026-11-25", "25.11.2026"),
        ("date %d.%m.%Y", "2026-11-25T23:59:59Z", "25.11.2026"),
        (r#"date "%H:%M""#, "2026-11-25T23:59:59+02:00[Europe/Nowhere]", "23:59"),
        (r#"date "%d/%m/%Y" "%F""#, "5/3/2026", "2026-03-05"),
        (r#"date "%d/%m/%Y" "%F""#, "31/02/2026", "31/02/2026"),
        (r#"date "%d/%m/%Y" "%F""#, "today", "today"),
        ("nfc", "A\u{30a}", "Å"),
        ("nfkc", "ﬁnance Ⅳ", "finance IV"),
        ("ascii", "Łukasz Müller-Ørsted Æ 北京", "Lukasz Muller-Orsted Ae BeiJing"),
        ("ascii", "u\u{308}", "u"),
        ("trim | lower | strip-domain | prefix x", " ADA@acme.test ", "xada"),
        (r#"replace /^a/ 1 or replace /^b/ 2 | suffix ."#, "ab", "1b."),
        (r#"replace /a/ b | replace /b/ c"#, "a", "c"),
        (r#"replace /a/ b or replace /b/ c"#, "a", "b"),
        (r#"map x = y or upper"#, "ada", "ADA"),
    ] {
        check(typed, value, expected);
    }
}

#[test]
fn it_is_told_whether_something_applied_of_what_need_not() {
    for (typed, value, applied) in [
        ("", "ada", true),
        ("lower | trim | nfc", "ada", true),
        ("strip-domain", "ada@acme.test", true),
        ("lower | strip-domain", "ADA", false),
        (r#"replace "x" "y""#, "x", true),
        (r#"replace "x" "y""#, "a", false),
        // It matched, though nothing changed by it.
        (r#"replace "/^(ext-.*)$/" "$1""#, "ext-ada", true),
        ("replace x y | replace a b", "a", true),
        ("replace x y or replace a b", "a", true),
        ("replace x y or lower", "A", false),
        ("split . 2", "a.b", true),
        ("split . 2", "ab", false),
        ("map a = b", "A", true),
        ("map a = b", "c", false),
        ("map a = b else c", "z", true),
        ("default x", "", true),
        ("default x", "y", false),
        ("date %F", "2026-01-01", true),
        ("date %F", "soon", false),
    ] {
        assert_eq!(parse(typed).apply(value).unwrap().applied, applied, "{typed} of {value:?}");
    }
}

#[test]
fn what_is_written_is_read_as_the_same() {
    for (typed, written) in [
        ("", ""),
        ("lower|trim", "lower | trim"),
        ("strip_domain or upper", "strip-domain or upper"),
        (r#"replace /^(\d+)$/i "|$1""#, r#"replace "/^(\d+)$/i" "|$1""#),
        (r#"replace-first a "b ""c""""#, r#"replace-first "a" "b ""c""""#),
        ("split @ -1 | take 3", r#"split "@" -1 | take 3"#),
        (r#"prefix \ | suffix "or""#, r#"prefix "\" | suffix "or""#),
        ("map a=b,c=\"d e\" else f", r#"map "a" = "b", "c" = "d e" else "f""#),
        (r#"default "" | nfc | nfkc | ascii"#, r#"default "" | nfc | nfkc | ascii"#),
        ("date %F | date %d.%m.%Y %F", r#"date "%F" | date "%d.%m.%Y" "%F""#),
    ] {
        assert_eq!(parse(typed).to_string(), written);
        assert_eq!(parse(written).to_string(), written);
    }
}

#[test]
fn what_cannot_be_used_is_refused_by_place_and_name() {
    let many = vec!["lower"; 33].join("|");
    let long = format!("prefix {}", "x".repeat(TYPED_CHARS_MAX));
    let wide = format!("prefix {}", "x".repeat(VALUE_BYTES_MAX + 1));
    for (typed, column, why) in [
        ("lower | shout", 9, "there is no \"shout\"; there are lower, upper, trim, strip-domain"),
        ("lower now", 1, "nothing follows lower"),
        ("lower |", 7, "a transformation is missing beside | or \"or\""),
        ("| lower", 1, "a transformation is missing beside | or \"or\""),
        ("lower or", 1, "a transformation is missing beside | or \"or\""),
        ("\"lower\"", 1, "it begins with the name of a transformation"),
        ("= lower", 1, "it begins with the name of a transformation"),
        ("replace a", 1, "it is written replace FROM TO"),
        ("replace \"\" b", 1, "there is nothing to look for"),
        ("trim | replace /(/ b", 8, "it is no regular expression (unclosed group)"),
        (r"replace /(a)\1/ b", 1, "it is no regular expression (backreferences are not supported)"),
        ("replace /[a-z]{1000}{1000}/ b", 1, "its regular expression is too large"),
        ("replace /(a)/ $2", 1, "its regular expression has no group 2"),
        ("replace /(a)/ ${b}", 1, "its regular expression has no group \"b\""),
        ("replace /(a)/ 5$", 1, "after $ comes the number of a group; write $$ for a dollar sign"),
        ("lower | prefix \"a", 16, "a closing quote is missing"),
        ("prefix a\u{0}b", 9, "there is a control character in it"),
        ("prefix \"\u{7}\"", 9, "there is a control character in it"),
        ("split @ 0", 1, "\"0\" is no part; it is a number like 1 or -1"),
        ("split \"\" 1", 1, "its separator is empty"),
        ("take many", 1, "\"many\" is no number of characters; it is a number like 1 or -1"),
        ("take 99999999999999999999", 1, "\"99999999999999999999\" is no number of characters"),
        ("map", 1, "it is written map FROM = TO, FROM = TO else TO"),
        ("map a = b c = d", 1, "it is written map FROM = TO, FROM = TO else TO"),
        ("map a = b, A = c", 1, "its table has \"A\" twice"),
        ("date x", 1, "\"x\" is no date format; write it like %Y-%m-%d"),
        ("date %Q", 1, "%Q is none of the fields of a date (%Y, %m, %d, ..)"),
        ("date %200Y", 1, "%2 is none of the fields of a date (%Y, %m, %d, ..)"),
        ("date %Y%", 1, "nothing follows the % at the end of the date format"),
        (&many, 193, "there are more than 32"),
        (&long, 1, "the text is longer than 32768 characters"),
        (&wide, 1, "a text of 4097 bytes is too long"),
    ] {
        let error = typed.parse::<Transformations>().unwrap_err();
        assert_eq!(error.column, column, "{typed}: {error}");
        assert!(error.why.starts_with(why), "{typed}: {error}");
    }
    let error = "lower | take x".parse::<Transformations>().unwrap_err();
    assert_eq!(
        error.to_string(),
        "The transformation at character 9 cannot be used: \"x\" is no number of characters; it is a number like 1 or -1."
    );
}

/// Values that have broken other programs.
fn hostile() -> Vec<String> {
    let mut values: Vec<String> = [
        "",
        " ",
        "\0",
        "ada\0lee",
        "\u{202e}nimda",
        "\u{200f}مرحبا@acme.test",
        "👩‍👩‍👧‍👦 family 🇩🇪",
        "e\u{301}\u{301}\u{301}",
        "İstanbul ıI",
        "ǆ ŉ ﬃ ẞ",
        "\u{feff}bom",
        "\u{fffe}\u{ffff}",
        "a\r\nb",
        "$1 ${x} $$ \\1",
        "@@@",
        "...",
        "<script>alert(1)</script>",
        "=cmd|' /C calc'!A0",
        "\u{1f1e6}\u{e0067}\u{e007f}",
    ]
    .map(str::to_owned)
    .to_vec();
    values.push("é".repeat(VALUE_BYTES_MAX / 2));
    values.push("a@".repeat(VALUE_BYTES_MAX / 2));
    values
}

#[test]
fn what_should_be_the_same_twice_is() {
    for typed in [
        "lower",
        "trim",
        "take 3",
        "take -3",
        "nfc",
        "nfkc",
        "ascii",
        "default x",
        "map a = b",
        r#"replace "." "-""#,
        r#"replace "/[^a-z]/" """#,
    ] {
        let transformations = parse(typed);
        for value in hostile() {
            let Ok(once) = transformations.apply(&value) else { continue };
            let twice = transformations.apply(&once.value).unwrap();
            assert_eq!(once.value, twice.value, "{typed} of {value:?}");
        }
    }
}

#[test]
fn no_value_breaks_a_transformation_and_none_comes_out_longer_than_the_bound() {
    for (name, arguments) in notation::USAGES {
        let arguments = match (name, arguments) {
            (_, "") => "",
            ("replace" | "replace-first", _) => "/(.)/ \"$1\u{202e}$1\"",
            ("split", _) => "@ -1",
            ("take", _) => "-1",
            ("map", _) => "a = \"\" else \"\u{feff}\"",
            ("date", _) => "%Y%m%d %F",
            (_, _) => "\"👩‍👩‍👧‍👦\"",
        };
        let transformations = parse(&format!("{name} {arguments}"));
        for value in hostile() {
            match transformations.apply(&value) {
                Ok(transformed) => assert!(transformed.value.len() <= VALUE_BYTES_MAX),
                Err(TooMuch::Long | TooMuch::Work) => {
                    assert!(1_000 < value.len(), "{name} {value:?}");
                }
            }
        }
        let error = transformations.apply(&"x".repeat(64 * 1024)).unwrap_err();
        assert_eq!(error.to_string(), "it is longer than 4096 bytes");
    }
}

#[test]
fn what_grows_step_by_step_ends_at_the_bound() {
    let doubling = vec![r#"replace "/.*/" "$0$0""#; 31].join(" | ");
    assert_eq!(parse(&doubling).apply("ab").unwrap_err(), TooMuch::Long);
    assert_eq!(parse("replace a aaaaaaaaaa").apply(&"a".repeat(4_000)).unwrap_err(), TooMuch::Long);
}

#[test]
fn a_regular_expression_ends_soon_whatever_it_is() {
    let value = "a".repeat(VALUE_BYTES_MAX);
    for (pattern, expected) in [
        ("(a|aa)+$", Ok(true)),
        ("(a*)*b", Ok(false)),
        ("(.*)(.*)(.*)(.*)x", Ok(false)),
        (".*[^a]|[a]", Err(TooMuch::Work)),
        ("(a?){200}a{200}|a", Err(TooMuch::Work)),
    ] {
        let transformations = parse(&format!(r#"replace "/{pattern}/" "-""#));
        let applied = transformations.apply(&value).map(|it| it.applied);
        assert_eq!(applied, expected, "{pattern}");
    }
}

#[test]
fn random_texts_are_refused_or_read_back_as_they_were_written() {
    let mut random = fastrand::Rng::with_seed(7);
    let words = [
        "lower", "|", "or", "replace", "map", "=", ",", "\"a\"", "/(b)/", "$1", "\"", "take", "-2",
        "else", "split", "date", "%F", "ä", "default", "\"\"\"\"",
    ];
    for _ in 0..2_000 {
        let count = random.usize(1..8);
        let typed: Vec<&str> = (0..count).map(|_| words[random.usize(..words.len())]).collect();
        let Ok(read) = typed.join(" ").parse::<Transformations>() else { continue };
        let written = read.to_string();
        assert_eq!(parse(&written).to_string(), written, "{typed:?}");
        for value in ["a@b", "", "b ä"] {
            assert_eq!(read.apply(value), parse(&written).apply(value), "{written}");
        }
    }
}
