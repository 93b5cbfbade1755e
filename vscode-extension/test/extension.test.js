'use strict';

const assert = require('node:assert/strict');
const os = require('node:os');
const { afterEach, beforeEach, mock, test } = require('node:test');

const { ENVIRONMENT, editor, fakeTerminal, load, program, root, settle, started, stopTheClock, pass } = require('./support');
const commands = require('../commands/active-active.json');

beforeEach(stopTheClock);
afterEach(() => mock.restoreAll());

const OPEN = 'workbench.action.openWalkthrough';
const FIRST = 'eval "$(pgedge-bootstrap env)"';

/** A start that is not over before the program has answered. */
async function start(options) {
    const here = editor(options);
    const answers = program();
    const over = load('extension.js', here.vscode).activate(here.context);
    await settle();
    return { ...here, program: answers, over };
}

/** A click on the button of a command, and the program answers that it is there. */
async function click(here, step, number) {
    const over = here.run('active-active', step, number);
    await settle();
    here.program.asks('env').answers(ENVIRONMENT);
    await over;
}

/** A click that opens the terminal, whose shell then says that it can be asked, and has been told where the tools are. */
async function clickAndBegin(here, step, number) {
    await click(here, step, number);
    const [terminal] = here.seen.terminals;
    terminal.integrate();
    terminal.end();
    return terminal;
}

const texts = (terminal) => terminal.executed.map(({ commandLine }) => commandLine.value);

test('the lesson opens by itself where the program is, once', async () => {
    const here = await start();
    assert.deepEqual([here.program.open.args, here.program.open.cwd], [['env', '--output', 'json'], os.homedir()]);
    here.program.open.answers(ENVIRONMENT);
    await here.over;
    const opened = [[OPEN, 'pgedge.pgedge-bootstrap#active-active', false]];
    assert.deepEqual(here.seen.commands, opened);
    here.dispose();

    const again = await start({ remembered: Object.fromEntries(here.memory) });
    await again.over;
    assert.deepEqual([again.seen.commands, again.program.asked], [[], []]);
});

test('the lesson does not open by itself where the program is not, nor is anybody told', async () => {
    const here = await start();
    here.program.open.isMissing();
    await here.over;
    assert.deepEqual([here.seen.commands, here.seen.messages, here.missing.isShown], [[], [], false]);
    assert.equal(here.memory.size, 0);
});

test('the lesson opens by itself always or never if that is set', async () => {
    const always = await start({ settings: { 'pgedge-bootstrap.openAtStart': 'always' } });
    await always.over;
    assert.deepEqual(always.seen.commands.map(([name]) => name), [OPEN]);
    const never = await start({ settings: { 'pgedge-bootstrap.openAtStart': 'never' } });
    await never.over;
    assert.deepEqual(never.seen.commands, []);
    assert.equal(never.program.running, 0);
});

test('a lesson that could not be opened is opened the next time', async () => {
    const here = editor({ settings: { 'pgedge-bootstrap.openAtStart': 'always' } });
    here.vscode.commands.executeCommand = async () => {
        throw new Error('no such walkthrough');
    };
    await load('extension.js', here.vscode).activate(here.context);
    assert.equal(here.memory.size, 0);
    assert.deepEqual(here.seen.logged, ['Error: no such walkthrough']);
});

test('a click runs its command in one terminal, behind where the tools are', async () => {
    const here = await started();
    await click(here, 'orient', 1);
    const [terminal] = here.seen.terminals;
    assert.deepEqual([terminal.name, terminal.options.cwd, terminal.options.shellPath], ['pgEdge lesson', root, '/bin/bash']);
    assert.deepEqual([terminal.executed, terminal.sent], [[], []]);
    terminal.integrate();
    assert.deepEqual(texts(terminal), [FIRST]);
    terminal.end();
    assert.deepEqual(texts(terminal), [FIRST, commands.orient[1]]);
    terminal.end();
    await click(here, 'configure', 0);
    assert.deepEqual(texts(terminal), [FIRST, commands.orient[1], commands.configure[0]]);
    assert.deepEqual([here.seen.terminals.length, terminal.shown, terminal.sent], [1, 2, []]);
});

test('a command waits for the one before it, and a second click on it changes nothing', async () => {
    const here = await started();
    const terminal = await clickAndBegin(here, 'deploy', 0);
    await click(here, 'deploy', 1);
    await click(here, 'deploy', 1);
    assert.equal(terminal.executed.length, 2);
    assert.equal(here.seen.statusBar.length, 2);
    // What somebody typed beside it does not end it.
    here.events.ended.fire({ terminal, execution: { commandLine: { value: 'ls' } } });
    assert.equal(terminal.executed.length, 2);
    terminal.end();
    assert.deepEqual(texts(terminal).slice(1), commands.deploy);
    terminal.end();
    assert.equal(terminal.executed.length, 3);
});

test('several lines arrive as one command', async () => {
    const here = await started();
    const [step, number] = ['bootstrap', 1];
    assert.ok(commands[step][number].includes('\n'));
    const terminal = await clickAndBegin(here, step, number);
    assert.equal(texts(terminal).at(-1), `{\n${commands[step][number]}\n}`);
});

test('a shell that does not tell when a command ends is typed into', async () => {
    const here = await started();
    await click(here, 'orient', 1);
    const [terminal] = here.seen.terminals;
    await pass(4_999);
    assert.deepEqual(terminal.sent, []);
    await pass(1);
    assert.deepEqual(terminal.sent, [FIRST, commands.orient[1]]);
    await click(here, 'configure', 0);
    assert.deepEqual(terminal.sent.slice(2), [commands.configure[0]]);
});

test('a terminal that was closed is opened anew, and what waited in it is forgotten', async () => {
    const here = await started();
    const terminal = await clickAndBegin(here, 'deploy', 0);
    await click(here, 'deploy', 1);
    here.events.closed.fire(terminal);
    await click(here, 'orient', 1);
    const second = here.seen.terminals[1];
    second.integrate();
    second.end();
    second.end();
    assert.deepEqual(texts(second), [FIRST, commands.orient[1]]);
    assert.equal(terminal.executed.length, 2);
});

test('a terminal that was there before a reload may be busy, so it is left alone', async () => {
    for (const tells of [true, false]) {
        const left = fakeTerminal({ name: 'pgEdge lesson' });
        if (tells) {
            left.integrate();
        }
        left.begin('pgedge-bootstrap --local');
        const here = await started({ terminals: [fakeTerminal({ name: 'bash' }), left] });
        await click(here, 'orient', 1);
        await pass(5_000);
        assert.deepEqual([left.executed, left.sent, left.interrupted], [[], [], []]);
        assert.deepEqual(here.seen.terminals[0].sent, [FIRST, commands.orient[1]]);
    }
});

test('what the person runs in the terminal is not interrupted', async () => {
    const here = await started();
    const terminal = await clickAndBegin(here, 'orient', 1);
    terminal.end();
    terminal.begin('pgedge-bootstrap --local');
    await click(here, 'configure', 0);
    await click(here, 'configure', 1);
    assert.equal(terminal.executed.length, 2);
    assert.equal(here.seen.statusBar.length, 2);
    terminal.end();
    assert.deepEqual(texts(terminal).slice(2), [commands.configure[0]]);
    terminal.end();
    assert.deepEqual(texts(terminal).slice(2), commands.configure);
    assert.deepEqual(terminal.interrupted, []);
});

test('what was typed is not interrupted when the shell begins to tell what it runs', async () => {
    const here = await started();
    await click(here, 'deploy', 0);
    const [terminal] = here.seen.terminals;
    await pass(5_000);
    terminal.integrate();
    // It waits in the shell, or runs, and nobody can tell.
    await click(here, 'deploy', 1);
    assert.deepEqual(terminal.sent, [FIRST, ...commands.deploy]);
    const [first, second, third] = terminal.sent;
    terminal.begin(first);
    await click(here, 'orient', 1);
    assert.equal(terminal.sent.length, 3);
    terminal.end();
    assert.equal(terminal.sent[3], commands.orient[1]);
    for (const text of [second, third, commands.orient[1]]) {
        assert.deepEqual(terminal.executed, []);
        terminal.begin(text);
        terminal.end();
    }
    // Now that it is over, the shell can be asked.
    await click(here, 'configure', 0);
    assert.deepEqual(texts(terminal), [commands.configure[0]]);
    assert.deepEqual([terminal.sent.length, terminal.interrupted, terminal.readByAnother], [4, [], []]);
});

test('a command that does not end is not waited for for ever, nor interrupted', async () => {
    const here = await started();
    const terminal = await clickAndBegin(here, 'deploy', 0);
    await click(here, 'deploy', 1);
    await pass(20 * 60_000 - 1);
    assert.equal(here.seen.terminals.length, 1);
    await pass(1);
    const [, second] = here.seen.terminals;
    second.integrate();
    second.end();
    assert.deepEqual(texts(second), [FIRST, commands.deploy[1]]);
    await settle();
    await pass(20 * 60_000);
    assert.equal(here.seen.terminals.length, 2);
    await click(here, 'orient', 1);
    assert.equal(here.seen.terminals.length, 3);
    assert.deepEqual([terminal.executed.length, terminal.interrupted, second.interrupted], [2, [], []]);
});

test('a double click runs its command once, a later one again', async () => {
    const here = await started();
    const terminal = await clickAndBegin(here, 'deploy', 0);
    await click(here, 'deploy', 0);
    assert.match(here.seen.statusBar.at(-1), /runs already/);
    terminal.end();
    assert.deepEqual(texts(terminal), [FIRST, commands.deploy[0]]);
    await click(here, 'deploy', 0);
    assert.deepEqual(texts(terminal), [FIRST, commands.deploy[0], commands.deploy[0]]);
});

test('two clicks run in their order, however long the program takes to answer', async () => {
    const here = await started();
    const terminal = await clickAndBegin(here, 'orient', 1);
    const clicks = [0, 1].map((number) => here.run('active-active', 'configure', number));
    await settle();
    // Whatever was asked is answered, the last one first.
    for (let open = []; (open = here.program.asked.filter(({ args, isOver }) => args[0] === 'env' && !isOver)).length > 0; ) {
        open.at(-1).answers(ENVIRONMENT);
        await settle();
    }
    await Promise.all(clicks);
    terminal.end();
    terminal.end();
    assert.deepEqual(texts(terminal).slice(2), commands.configure);
});

test('a click that fails, and whose message is not answered, holds up no other', async () => {
    const here = await started();
    here.vscode.window.showErrorMessage = () => new Promise(() => {});
    void here.run('active-active', 'orient', 0);
    await settle();
    here.program.open.isMissing();
    await settle();
    await click(here, 'orient', 1);
    assert.equal(here.seen.terminals.length, 1);
});

test('a program that is set by its path is found by the commands, too', async () => {
    const here = await started({ settings: { 'pgedge-bootstrap.program': "/opt/it's/pgedge-bootstrap" } });
    const terminal = await clickAndBegin(here, 'orient', 1);
    assert.equal(here.program.asked[0].file, "/opt/it's/pgedge-bootstrap");
    assert.ok(terminal.options.env.PATH.startsWith("/opt/it's:"));
    assert.equal(texts(terminal)[0], `eval "$('/opt/it'\\''s/pgedge-bootstrap' env)"`);
});

test('a shell of another language is not used', async () => {
    const here = await started();
    here.vscode.env.shell = '/usr/bin/fish';
    await click(here, 'orient', 1);
    assert.equal(here.seen.terminals[0].options.shellPath, 'bash');
});

test('a forged link runs nothing', async () => {
    const here = await started();
    const forged = [
        [],
        ['active-active', 'orient'],
        ['active-active', 'orient', 99],
        ['active-active', 'orient', -1],
        ['active-active', 'orient', 0.5],
        ['active-active', 'orient', '0'],
        ['active-active', 'orient', 'length'],
        ['active-active', 'orient', 0, 'rm -rf ~'],
        ['active-active', '__proto__', 0],
        ['__proto__', 'orient', 0],
        ['../../etc', 'orient', 0],
        ['rm -rf ~'],
        [['active-active'], 'orient', 0],
        [{ toString: () => 'active-active' }, 'orient', 0],
        [null, null, null],
    ];
    for (const link of forged) {
        await here.run(...link);
    }
    assert.deepEqual([here.seen.terminals, here.program.asked], [[], []]);
    assert.equal(here.seen.messages.length, forged.length);
    assert.ok(here.seen.messages.every(({ level, text }) => level === 'error' && !text.includes('rm')));
});

test('nothing runs in a workspace that is not trusted, and nothing is looked at', async () => {
    const here = await started({ isTrusted: false, answer: 'Manage Workspace Trust' });
    await here.run('active-active', 'orient', 0);
    await here.openLesson();
    void here.registered.get('pgedge-bootstrap.showMissing')();
    await pass(60_000);
    assert.deepEqual([here.seen.terminals, here.program.asked], [[], []]);
    const manage = 'workbench.trust.manage';
    assert.deepEqual(here.seen.commands.map(([name]) => name), [manage, OPEN, manage]);
    assert.ok(here.seen.messages.every(({ level, text }) => level === 'warning' && text.endsWith('Trust it first.')));
    here.trust();
    await pass(2_000);
    assert.equal(here.program.open.args[0], 'verify');
});

test('a program that is missing is told with how to install it, and nothing is typed', async () => {
    const here = await started({ answer: 'How to Install It' });
    const over = here.run('active-active', 'orient', 0);
    await settle();
    here.program.open.isMissing();
    await over;
    assert.equal(here.missing.isShown, true);
    assert.deepEqual(here.seen.opened, ['https://github.com/pgEdge/pgedge-bootstrap#readme']);
    assert.deepEqual(here.seen.terminals, []);
    await click(here, 'orient', 0);
    assert.equal(here.missing.isShown, false);
    assert.equal(here.seen.terminals.length, 1);
});

test('what is missing is told when somebody asks', async () => {
    const here = await started();
    const over = here.registered.get('pgedge-bootstrap.showMissing')();
    await settle();
    here.program.open.verifies(['active-active/orient', 'done', 'v1'], ['active-active/configure', 'missing', 'there is no file']);
    await over;
    assert.match(here.seen.messages[0].text, /1 of 2 steps are done\. active-active\/configure: there is no file$/);
    assert.deepEqual(here.seen.contexts, { 'pgedge-bootstrap.active-active.orient.done': true });
});
