'use strict';

const assert = require('node:assert/strict');
const os = require('node:os');
const { afterEach, beforeEach, mock, test } = require('node:test');

const { ENVIRONMENT, click, clickAndBegin, editor, load, pass, program, settle, started, stopTheClock, texts } = require('./support');

beforeEach(stopTheClock);
afterEach(() => mock.restoreAll());

const OPEN = 'workbench.action.openWalkthrough';

/** A start that is not over before the program has answered. */
async function start(options) {
    const here = editor(options);
    const answers = program();
    const over = load('extension.js', here.vscode).activate(here.context);
    await settle();
    return { ...here, program: answers, over };
}

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
