'use strict';

// How the commands of the lesson run: the whole extension, with a terminal that a test makes do things.

const assert = require('node:assert/strict');
const { afterEach, beforeEach, mock, test } = require('node:test');

const { ENVIRONMENT, FIRST, click, clickAndBegin, pass, root, settle, started, stopTheClock, texts } = require('./support');
const { fakeTerminal } = require('./terminal');
const commands = require('../commands/active-active.json');

beforeEach(stopTheClock);
afterEach(() => mock.restoreAll());

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
    // Nor does a click wait for what is kept of it.
    let isFirst = true;
    here.context.workspaceState.update = () => {
        const kept = isFirst ? new Promise(() => {}) : Promise.reject(new Error('the disk is full'));
        isFirst = false;
        return kept;
    };
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
    assert.deepEqual(here.seen.logged, ['Error: the disk is full']);
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
