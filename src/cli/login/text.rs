//! What `barkeep login` tells people.

use barkeep_schemas::Ts;

use super::{Shown, time};

pub(super) fn logged_in(shown: &Shown) -> String {
    let who = shown.user_id.as_ref().map(|user| format!(" as {user}")).unwrap_or_default();
    let until = shown.valid_until.map(time).unwrap_or_default();
    format!(
        "Logged in{who}. The token is in {} and holds until {until}.\nThen type `barkeep login` again; a daemon that runs \
         takes the new token by itself.",
        shown.token_file.display()
    )
}

pub(super) fn status(shown: &Shown, now: Ts) -> String {
    let file = shown.token_file.display();
    let (Some(login), Some(until)) = (shown.login, shown.valid_until) else {
        return format!("There is no token: {file} is not there. Type `barkeep login`.");
    };
    let who = shown.user_id.as_ref().map(|user| format!(" of {user}")).unwrap_or_default();
    let of = format!("The token{who} from {}", time(login));
    match shown.holds {
        Some(true) => format!("{of} holds until {}.", time(until)),
        Some(false) if now.secs() >= until => {
            format!("{of} does not hold: it ended at {}. Type `barkeep login`.", time(until))
        }
        Some(false) => {
            format!(
                "{of} does not hold: the broker refuses it, as after a later login or a logout. Type `barkeep login`."
            )
        }
        None if now.secs() >= until => {
            format!("{of} ended at {}; the broker could not be asked. Type `barkeep login`.", time(until))
        }
        None => format!("The broker could not be asked. {of} should hold until {}.", time(until)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_person_is_told_until_when_and_what_then() {
        let shown = |holds| Shown {
            token_file: "t.json".into(),
            user_id: Some("AB1234".into()),
            login: Some(1_795_143_600),
            valid_until: Some(1_795_221_000),
            holds,
        };
        let (before, after) = (Ts::from_secs(1_795_150_000), Ts::from_secs(1_795_221_000));
        let none = Shown { login: None, valid_until: None, user_id: None, ..shown(Some(false)) };
        let told = [
            logged_in(&shown(Some(true))),
            status(&shown(Some(true)), before),
            status(&shown(Some(false)), before),
            status(&shown(Some(false)), after),
            status(&shown(None), before),
            status(&shown(None), after),
            status(&none, before),
        ];
        insta::assert_snapshot!(told.join("\n"), @"
        Logged in as AB1234. The token is in t.json and holds until 2026-11-21 06:00:00 IST.
        Then type `barkeep login` again; a daemon that runs takes the new token by itself.
        The token of AB1234 from 2026-11-20 08:30:00 IST holds until 2026-11-21 06:00:00 IST.
        The token of AB1234 from 2026-11-20 08:30:00 IST does not hold: the broker refuses it, as after a later login or a logout. Type `barkeep login`.
        The token of AB1234 from 2026-11-20 08:30:00 IST does not hold: it ended at 2026-11-21 06:00:00 IST. Type `barkeep login`.
        The broker could not be asked. The token of AB1234 from 2026-11-20 08:30:00 IST should hold until 2026-11-21 06:00:00 IST.
        The token of AB1234 from 2026-11-20 08:30:00 IST ended at 2026-11-21 06:00:00 IST; the broker could not be asked. Type `barkeep login`.
        There is no token: t.json is not there. Type `barkeep login`.
        ");
    }
}
