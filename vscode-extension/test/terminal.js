'use strict';

// A terminal of the editor that is made up.

const path = require('node:path');

const root = path.join(__dirname, '..');

function emitter() {
    const listeners = new Set();
    const event = (listener) => {
        listeners.add(listener);
        return { dispose: () => listeners.delete(listener) };
    };
    return { event, fire: (value) => [...listeners].forEach((listener) => listener(value)), listeners };
}

/**
 * A terminal; `integrate` gives it a shell that tells what it runs, and since when. Who has it execute something interrupts
 * what runs, and what is typed meanwhile is read by that.
 */
function fakeTerminal(options, { started, ended, integrated } = { started: emitter(), ended: emitter(), integrated: emitter() }) {
    const terminal = {
        name: options.name, options, exitStatus: undefined, shellIntegration: undefined, shown: 0,
        sent: [], executed: [], interrupted: [], readByAnother: [], running: undefined,
        show: () => (terminal.shown += 1),
        sendText: (text) => {
            terminal.sent.push(text);
            if (terminal.running !== undefined) {
                terminal.readByAnother.push(text);
            }
        },
        /** Somebody runs this, or the shell begins with what was typed. */
        begin: (value) => {
            terminal.running = { commandLine: { value } };
            if (terminal.shellIntegration !== undefined) {
                started.fire({ terminal, execution: terminal.running });
            }
        },
        /** What runs ends. */
        end: () => {
            const execution = terminal.running;
            terminal.running = undefined;
            if (terminal.shellIntegration !== undefined) {
                ended.fire({ terminal, execution });
            }
        },
        integrate: () => {
            terminal.shellIntegration = {
                cwd: { scheme: 'file', fsPath: root },
                executeCommand: (value) => {
                    const execution = { commandLine: { value } };
                    terminal.executed.push(execution);
                    if (terminal.running !== undefined) {
                        terminal.interrupted.push(terminal.running.commandLine.value);
                        ended.fire({ terminal, execution: terminal.running });
                    }
                    terminal.running = execution;
                    // The editor tells it when the shell has told it.
                    void Promise.resolve().then(() => terminal.running === execution && started.fire({ terminal, execution }));
                    return execution;
                },
            };
            integrated.fire({ terminal });
        },
    };
    return terminal;
}

module.exports = { emitter, fakeTerminal };
