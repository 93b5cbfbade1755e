//! What a person sees: the program on a pseudo-terminal, and the screen while it runs.

use crate::support::{Behaviour, Terminal, World, program};

/// A world in which `kind` has brought half of its bytes and then nothing.
fn stalled() -> World {
    let world = World::new();
    world.server.then(&world.kind(), [Behaviour::StallAfter(program("kind").len() / 2)]);
    world
}

/// The moving lines of a world that has stalled are there.
fn half(screen: &str) -> bool {
    screen.contains("100.0/200.1 kB") && screen.contains("3 of 4 steps")
}

/// Numbers that differ from run to run become `0`; times keep their shape.
fn steady(screen: &str) -> String {
    let mut lines: Vec<String> = screen.lines().map(without_times).collect();
    // Steps that run beside each other end in any order.
    let tools = lines.iter().position(|line| line.starts_with('✓')).unwrap_or(0);
    let end = lines.iter().rposition(|line| line.starts_with('✓')).map_or(tools, |last| last + 1);
    lines[tools..end].sort();
    lines.join("\n")
}

fn without_times(line: &str) -> String {
    match (line.rfind('('), line.ends_with(" s)")) {
        (Some(place), true) => format!("{}(0.0 s)", &line[..place]),
        _ => line.to_owned(),
    }
}

#[test]
fn a_finished_run_leaves_a_line_for_each_step_and_the_cursor() {
    let world = World::new();
    let mut terminal = Terminal::start(&world.home, (30, 100), &[], &world.arguments("tools", &[]));
    let screen = terminal.end(0);
    let screen = screen.replace(&world.home.path().display().to_string(), "$HOME");
    insta::assert_snapshot!(steady(&screen), @r#"
    pgedge-bootstrap 0.1.0, cluster "pgedge"
    ✓ helm is installed and verified: 4.3.0 (0.0 s)
    ✓ kind is installed and verified: 0.33.0 (0.0 s)
    ✓ kubectl is installed and verified: 1.35.8 (0.0 s)
    ✓ kubectl-cnpg is installed and verified: 1.30.0 (0.0 s)
    done, 4 steps changed (0.0 s)
    $HOME/.local/share/pgedge-bootstrap/bin
    "#);
    assert!(terminal.cursor_is_visible());
    let mut again = Terminal::start(&world.home, (30, 100), &[], &world.arguments("tools", &[]));
    let screen = again.end(0);
    let screen = screen.replace(&world.home.path().display().to_string(), "$HOME");
    insta::assert_snapshot!(steady(&screen), @r#"
    pgedge-bootstrap 0.1.0, cluster "pgedge"
    ✓ tools      kind 0.33.0; helm 4.3.0; kubectl 1.35.8; kubectl-cnpg 1.30.0
    everything was there already (0.0 s)
    $HOME/.local/share/pgedge-bootstrap/bin
    "#);
}

#[test]
fn a_download_has_a_bar_with_bytes_and_a_rate() {
    let world = World::new();
    // Two seconds for two hundred thousand bytes.
    world.server.then(&world.kind(), [Behaviour::Throttle(program("kind").len() / 40)]);
    let mut terminal = Terminal::start(&world.home, (30, 100), &[], &world.arguments("tools", &[]));
    let screen = terminal.wait_for("a rate", |screen| screen.contains("kB/s") && screen.contains(" s left"));
    let line = screen.lines().find(|line| line.contains("kB/s")).unwrap();
    assert!(line.contains(" kind ") && line.contains("━") && line.contains("/200.1 kB"), "{line}");
    let screen = terminal.end(0);
    assert!(!screen.contains('━'), "{screen}");
}

/// A reason to wait takes the place of the bar only for as long as it is waited for.
#[test]
fn a_bar_comes_back_after_a_retry() {
    let world = World::new();
    let half = program("kind").len() / 2;
    world.server.then(&world.kind(), [Behaviour::CutAfter(half), Behaviour::StallAfter(half / 2)]);
    let mut terminal = Terminal::start(&world.home, (30, 120), &[], &world.arguments("tools", &[]));
    terminal.wait_for("the reason", |screen| screen.contains("trying again in"));
    let screen = terminal.wait_for("the bar", |screen| screen.contains("150.0/200.1 kB"));
    assert!(!screen.contains("trying again in"), "{screen}");
    world.server.release();
    terminal.end(0);
}

/// `contents` asserts at every look that no line is wrapped.
#[test]
fn a_resize_leaves_neither_wrapped_lines_nor_leftovers() {
    let world = stalled();
    let mut terminal = Terminal::start(&world.home, (30, 100), &[], &world.arguments("tools", &[]));
    terminal.wait_for("half of kind", half);
    terminal.resize(10, 40);
    let narrow = terminal.wait_for("a narrow line", |screen| screen.contains("50 %"));
    assert_eq!(narrow.lines().filter(|line| line.contains(" of 4 steps")).count(), 1, "{narrow}");
    assert!(narrow.lines().all(|line| line.chars().count() <= 40), "{narrow}");
    terminal.resize(40, 120);
    let wide = terminal.wait_for("a wide line", half);
    for once in [" of 4 steps", "100.0/200.1 kB", "pgedge-bootstrap 0"] {
        assert_eq!(wide.matches(once).count(), 1, "{once}:\n{wide}");
    }
    world.server.release();
    let screen = terminal.end(0);
    assert_eq!(screen.lines().filter(|line| line.starts_with('✓')).count(), 4, "{screen}");
    assert!(!screen.contains(" of 4 steps") && !screen.contains('━'), "{screen}");
}

#[test]
fn a_terminal_of_few_lines_counts_what_it_cannot_show() {
    let world = World::new();
    for tool in ["helm", "kind", "kubectl", "kubectl-cnpg"] {
        world.server.then(&world.path_of(tool), [Behaviour::StallAfter(10)]);
    }
    let mut terminal = Terminal::start(&world.home, (4, 80), &[], &world.arguments("tools", &[]));
    let screen = terminal.wait_for("what is left out", |screen| screen.contains("+3 more"));
    assert!(screen.lines().count() <= 4, "{screen}");
    world.server.release();
    terminal.end(0);
}

#[test]
fn ctrl_c_ends_the_run_and_gives_the_terminal_back() {
    let world = stalled();
    let mut terminal = Terminal::start(&world.home, (30, 100), &[], &world.arguments("tools", &[]));
    terminal.wait_for("half of kind", half);
    assert!(!terminal.cursor_is_visible(), "the cursor would jump about");
    terminal.press(b"\x03");
    let screen = terminal.end(130);
    assert!(terminal.cursor_is_visible());
    assert!(screen.contains("running this again continues from here"), "{screen}");
    assert!(!screen.contains(" of 4 steps") && !screen.contains('━'), "{screen}");
}

/// A window that is closed ends the run; what had arrived may stay for the next time, under no name of a whole file.
#[test]
fn a_closed_window_ends_the_run_and_leaves_nothing_half_written() {
    let world = stalled();
    let mut terminal = Terminal::start(&world.home, (30, 100), &[], &world.arguments("tools", &[]));
    terminal.wait_for("half of kind", half);
    terminal.close();
    terminal.end(130);
    let files = world.home.files();
    assert!(files.iter().all(|file| !file.ends_with(".part")), "{files:?}");
    assert!(!world.home.bin().join("kind").exists(), "{files:?}");
    world.server.release();
    assert_eq!(world.tools().code, 0);
}

/// The run must not wait for a terminal that takes nothing, as after Ctrl-S.
#[test]
fn a_terminal_that_is_held_does_not_hold_the_run() {
    let world = stalled();
    let mut terminal = Terminal::start(&world.home, (30, 100), &[], &world.arguments("tools", &[]));
    terminal.wait_for("half of kind", half);
    terminal.press(b"\x13");
    world.server.release();
    let kind = world.home.bin().join("kind");
    let placed = std::time::Instant::now();
    while !kind.exists() {
        assert!(placed.elapsed().as_secs() < 30, "kind was never placed");
        std::thread::yield_now();
    }
    terminal.press(b"\x11");
    terminal.end(0);
}

#[test]
fn a_failure_is_the_last_thing_on_the_screen() {
    let world = World::new();
    world.server.file(&world.kind(), "#!/bin/sh\n");
    let mut terminal = Terminal::start(&world.home, (30, 60), &[], &world.arguments("tools", &[]));
    let screen = terminal.end(1);
    let (_, block) = screen.split_once("\nerror: ").unwrap_or_else(|| panic!("{screen}"));
    assert!(block.contains("(checksum-mismatch)") && block.contains("\nhint: "), "{screen}");
    assert!(screen.contains("✗ kind is installed and verified ("), "{screen}");
    assert!(screen.find("stopped after").unwrap() < screen.find("\nerror: ").unwrap(), "{screen}");
}

#[test]
fn a_dumb_terminal_gets_no_control_code() {
    let world = World::new();
    let mut terminal = Terminal::start(&world.home, (30, 100), &[("TERM", "dumb")], &world.arguments("tools", &[]));
    terminal.end(0);
    assert!(!terminal.raw().contains('\x1b'), "{:?}", terminal.raw());
}

#[test]
fn without_colour_lines_still_move() {
    let world = World::new();
    let run = |variables: &[(&str, &str)]| {
        let mut terminal = Terminal::start(&world.home, (30, 100), variables, &world.arguments("tools", &["-v"]));
        terminal.end(0);
        terminal.raw()
    };
    let coloured = |raw: &str| raw.contains("\x1b[32m") || raw.contains("\x1b[2m");
    assert!(coloured(&run(&[])));
    for off in [("NO_COLOR", "1"), ("CLICOLOR", "0")] {
        let raw = run(&[off]);
        assert!(!coloured(&raw) && raw.contains("\x1b[?25l"), "{off:?}: {raw:?}");
    }
}

#[test]
fn a_locale_without_utf_8_gets_ascii() {
    for locale in [("LANG", "C"), ("LC_ALL", "POSIX")] {
        let world = stalled();
        let mut terminal = Terminal::start(&world.home, (30, 100), &[locale], &world.arguments("tools", &[]));
        let screen = terminal.wait_for("a bar", |screen| screen.contains("100.0/200.1 kB"));
        assert!(screen.contains("####----") || screen.contains("###---"), "{screen}");
        world.server.release();
        terminal.end(0);
        assert!(terminal.raw().is_ascii(), "{:?}", terminal.raw());
    }
}
