//! Keeps docs/ERRORS.md true: the codes of the core and of both vendors, from the tables of the code.
//!
//! `GREENROOM_UPDATE=1 cargo test -p greenroom-core --test errors_page` writes the page anew.

use core::fmt::Write as _;
use std::{fs, path::Path};

use greenroom_core::code::{
    Code, Kind, Retry,
    vendor::{Domain, Entry, Level, Vendor},
};

const HEAD: &str = "# Errors

What every code means and what to do about it: those of [the core](#greenroom), of [SparkRTC](#sparkrtc) and of [Agora](#agora). `greenroom codes` prints the same tables in a
terminal, with `--json` for programs, and the line `{\"kind\":\"code\",…}` of [`greenroom eval`](EVAL.md) looks one up.

## A code you do not know

It will happen: a newer server says something that your version has never heard of. Keep the number, show it, and act on what is left:

1. **One of ours** (`u16`): the thousands digit tells the kind, and the kind tells what helps. 4999 is trouble of the network, so a new connection may help; 2999 is the room's
   decision, so the same request fails the same way.
2. **A vendor's**: the table it came from tells whether it is an error, a warning or a notice. The number tells nothing more: treat an unknown error like `unknown`, once more
   and then no more; log an unknown warning and carry on; take an unknown reason for leaving as *gone*.
3. **Never by its text.** Three codes of SparkRTC share one message, five of its service one description, and Agora prints one symbol for two errors. The table and the number
   are the key; texts are for people.

A code that stays inside a vendor's SDK is listed and marked, so that a log can be read. It never reaches an application.

## What helps

| word | what it asks of a program |
|---|---|
| `never` | The same request fails the same way. Tell the user, or do without. |
| `after_fix` | Remove the cause first: the argument, the state, the device. Then ask again. |
| `reauth` | Get a new signature or key. Then ask again. |
| `backoff`, `later` | Ask again, waiting longer each time: half a second, one, two, four, with some chance in it. |
| `reconnect` | Connect anew. Then ask again. |

";

const FOOT: &str = "---

This page is made from the tables in `core/src/code`: `core/tests/errors_page.rs` checks that it is true, and writes it anew with
`GREENROOM_UPDATE=1 cargo test -p greenroom-core --test errors_page`. What the vendors print stands, to the digit, in [tables/errors.csv](tables/errors.csv); kinds and what helps
are our reading.
";

#[test]
fn the_page_of_errors_is_up_to_date() {
    let page = page();
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/ERRORS.md");
    if std::env::var_os("GREENROOM_UPDATE").is_some_and(|value| value == "1") {
        fs::write(&path, &page).expect("docs can be written");
    }
    let stands = fs::read_to_string(&path).unwrap_or_default();
    assert!(
        stands == page,
        "docs/ERRORS.md is out of date: run GREENROOM_UPDATE=1 cargo test -p greenroom-core --test errors_page, and commit it"
    );
}

#[test]
fn every_code_has_its_row() {
    let page = page();
    for code in Code::ALL {
        assert!(page.contains(&format!("\n| {} | `{}` |", code.0, code.name().expect("a known code"))), "{code}");
    }
    for entry in Domain::ALL.iter().flat_map(|domain| domain.entries()) {
        let rows = page.matches(&format!("| {} | ", entry.meaning)).count();
        assert!(rows >= 1 && page.contains(&format!("\n| {} |", entry.code)), "{}", entry.code);
    }
}

fn page() -> String {
    let mut page = HEAD.to_owned();
    ours(&mut page);
    for &vendor in Vendor::ALL {
        let (title, of) = match vendor {
            Vendor::SparkRtc => ("SparkRTC", "Web SDK reference of Huawei SparkRTC"),
            Vendor::Agora => ("Agora", "reference of Agora's Native SDK for Web 1.7"),
        };
        write!(page, "## {title}\n\nAs the {of} prints them, in `greenroom_core::code::{}`.\n\n", vendor.name())
            .expect("a string takes it");
        for domain in vendor.domains() {
            table(&mut page, domain);
        }
    }
    page + FOOT
}

fn ours(page: &mut String) {
    let intro = "## greenroom\n\nThe core's own, `greenroom_core::code::Code`. They are what rooms and sessions answer with, and what travels on the wire ([PROTOCOL](PROTOCOL.md)).\n\n\
        | code | name | means | kind | what helps | what to do |\n|---:|---|---|---|---|---|\n";
    page.push_str(intro);
    for code in Code::ALL {
        let (name, text) = (code.name().expect("a known code"), code.text().expect("a known code"));
        let (kind, retry) = (code.kind(), code.retry());
        writeln!(page, "| {} | `{name}` | {text} | {} | `{}` | {} |", code.0, kind.name(), retry.name(), advice(*code))
            .expect("a string takes it");
    }
    page.push('\n');
}

/// What to do: where a code calls for something of its own, that; else what its kind asks for.
fn advice(code: Code) -> &'static str {
    match code {
        Code::NOT_IN_ROOM => "join first",
        Code::ALREADY_IN_ROOM => "carry on, or leave first",
        Code::NO_SUCH_STREAM => "look at the streams that the room has now",
        Code::ALREADY_PUBLISHED => "carry on, or withdraw it first",
        Code::NOT_SUBSCRIBED => "carry on, or subscribe first",
        Code::OWN_STREAM => "show the camera's own picture",
        Code::TOO_MANY_SUBSCRIPTIONS => "give up another subscription first",
        Code::OUT_OF_STREAMS => "go to another room",
        Code::ROLE_FORBIDS => "change the role first",
        Code::REPLACED => "stop: to join again would push the other session out",
        Code::SESSION_GONE => "join anew",
        Code::REMOVED => "stop, and tell the user",
        Code::CUT_SHORT => "ask again if it is still wanted",
        _ => match (code.retry(), code.kind()) {
            (_, Kind::Success) => "nothing",
            (Retry::Later, _) => "try again, waiting longer each time",
            (Retry::Reconnect, _) => "connect anew",
            (Retry::Never, Kind::Request) => "correct the request",
            (Retry::Never, Kind::Authorization) => "get the permission first",
            (Retry::Never, Kind::Room | Kind::Network | Kind::Internal | Kind::Unknown) => "do not repeat",
        },
    }
}

fn table(page: &mut String, domain: Domain) {
    let level = match domain.level() {
        Level::Notice if domain == Domain::LeaveReason => " Everybody in the room is told; what helps is meant for the one who left.",
        Level::Error => "",
        Level::Warning => " They may be ignored: the operation goes on.",
        Level::Notice => " They are told, not answered: nothing failed that was asked for.",
    };
    let entries = domain.entries();
    let any = |has: fn(&Entry) -> bool| entries.iter().any(has);
    let (symbols, messages, faults) =
        (any(|entry| entry.symbol.is_some()), any(|entry| entry.message.is_some()), any(|entry| entry.fault.is_some()));
    let columns: Vec<&str> =
        [Some("code"), symbols.then_some("symbol"), Some("means"), messages.then_some("message"), faults.then_some("at fault")]
            .into_iter()
            .flatten()
            .chain(["kind", "what helps", "what to do"])
            .collect();
    write!(page, "### {}: {}\n\n", domain.name(), domain.title()).expect("a string takes it");
    writeln!(page, "{} codes.{level}\n\n| {} |\n|---:{}|", entries.len(), columns.join(" | "), "|---".repeat(columns.len() - 1))
        .expect("a string takes it");
    for entry in entries {
        let symbol = entry
            .symbol
            .map(|symbol| [&[symbol], entry.aliases].concat().iter().map(|name| format!("`{name}`")).collect::<Vec<_>>().join(", "));
        let cells = [
            Some(entry.code.to_string()),
            symbols.then(|| symbol.unwrap_or_default()),
            Some(entry.meaning.to_owned()),
            messages.then(|| entry.message.unwrap_or_default().to_owned()),
            faults.then(|| entry.fault.map(|fault| fault.name().to_owned()).unwrap_or_default()),
            Some(entry.kind.name().to_owned()),
            Some(format!("`{}`", entry.retry.name())),
            Some(entry.advice().to_owned()),
        ];
        writeln!(page, "| {} |", cells.into_iter().flatten().collect::<Vec<_>>().join(" | ")).expect("a string takes it");
    }
    page.push('\n');
}
