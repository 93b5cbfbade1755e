'use strict';

// The terminal in which the lesson's commands run: one, which is shown and used again. An editor that is asked to execute a
// command interrupts what runs. So nothing is executed before what runs has ended, whoever has started it; and a terminal of
// which that cannot be told is left alone.

const vscode = require('vscode');

const NAME = 'pgEdge lesson';

/** How long a new shell has to say that it can be asked. In milliseconds. */
const INTEGRATION = 5_000;

/** A command that takes longer than any of a lesson should is not waited for: the next one gets a new terminal. In milliseconds. */
const COMMAND = 20 * 60_000;

class LessonTerminal {
    /**
     * @param {object} with_
     * @param {() => vscode.TerminalOptions} with_.options
     * @param {() => string} with_.preamble what a new shell is told first
     * @param {() => void} with_.ended a command has ended
     */
    constructor({ options, preamble, ended }) {
        this.options = options;
        this.preamble = preamble;
        this.ended = ended;
        /** @type {vscode.Terminal | undefined} */
        this.terminal = undefined;
        /** @type {string[]} */
        this.queue = [];
        /** What runs in the terminal, whoever has started it. @type {vscode.TerminalShellExecution | undefined} */
        this.running = undefined;
        /** Which command of the lesson that is. @type {string | undefined} */
        this.current = undefined;
        /** What the shell is told first. */
        this.first = '';
        /** What was typed, and was not seen to end. @type {string | undefined} */
        this.typed = undefined;
        this.isStarting = false;
        this.isOverdue = false;
        /** @type {NodeJS.Timeout | undefined} */
        this.timer = undefined;
        this.disposables = [
            vscode.window.onDidCloseTerminal((terminal) => terminal === this.terminal && this.#forget()),
            vscode.window.onDidChangeTerminalShellIntegration((event) => {
                if (event.terminal === this.terminal && this.isStarting) {
                    this.#started();
                }
            }),
            vscode.window.onDidStartTerminalShellExecution((event) => {
                if (event.terminal === this.terminal) {
                    this.#runs(event.execution, event.execution === this.running ? this.current : undefined);
                }
            }),
            vscode.window.onDidEndTerminalShellExecution((event) => {
                if (event.terminal === this.terminal) {
                    this.#ends(event.execution);
                    this.ended();
                }
            }),
        ];
    }

    /**
     * Runs the command as soon as what runs has ended.
     *
     * @param {string} command
     * @returns {'runs' | 'waits' | 'runs already'} what that means for it
     */
    run(command) {
        if (this.isOverdue) {
            this.#forget();
        }
        const terminal = this.#open();
        // The person stays in the lesson, with the keyboard, too.
        terminal.show(true);
        // Who clicks twice wants it once.
        if (this.queue.length === 0 && this.current === command) {
            return 'runs already';
        }
        if (this.queue.at(-1) !== command) {
            this.queue.push(command);
        }
        const waits = this.running !== undefined && this.current !== this.first;
        this.#next();
        return waits ? 'waits' : 'runs';
    }

    /** Where its shell is, if it tells. */
    get folder() {
        const folder = this.terminal?.shellIntegration?.cwd;
        return folder?.scheme === 'file' ? folder.fsPath : undefined;
    }

    dispose() {
        this.#forget();
        this.disposables.forEach((disposable) => disposable.dispose());
    }

    /** Of one that was there before a reload of the window nobody tells whether it is busy, so it is not used again. */
    #open() {
        if (this.terminal === undefined) {
            this.terminal = vscode.window.createTerminal({ ...this.options(), name: NAME });
            this.first = this.preamble();
            this.queue.unshift(this.first);
            this.isStarting = true;
            this.timer = setTimeout(() => this.#started(), INTEGRATION);
        }
        return this.terminal;
    }

    #started() {
        clearTimeout(this.timer);
        this.isStarting = false;
        this.#next();
    }

    /** A shell runs one thing at a time, so what it ran before is over. */
    #runs(/** @type {vscode.TerminalShellExecution} */ execution, /** @type {string | undefined} */ command) {
        clearTimeout(this.timer);
        this.running = execution;
        this.current = command;
        this.isOverdue = false;
        this.timer = setTimeout(() => this.#overdue(), COMMAND);
    }

    #ends(/** @type {vscode.TerminalShellExecution} */ execution) {
        if (execution.commandLine.value === this.typed) {
            this.typed = undefined;
        }
        if (execution === this.running) {
            clearTimeout(this.timer);
            this.running = undefined;
            this.current = undefined;
            this.isOverdue = false;
            this.#next();
        }
    }

    #overdue() {
        this.isOverdue = true;
        const [...waiting] = this.queue;
        if (waiting.length > 0) {
            this.#forget();
            this.queue = waiting;
            this.#open().show(true);
        }
    }

    #next() {
        while (!this.isStarting && this.running === undefined) {
            const command = this.queue.shift();
            if (command === undefined) {
                return;
            }
            const text = whole(command);
            const integration = this.terminal?.shellIntegration;
            // What was typed before the shell could be asked may wait in it unseen. Typing interrupts nothing.
            if (integration !== undefined && this.typed === undefined) {
                this.#runs(integration.executeCommand(text), command);
            } else {
                this.typed = text;
                this.terminal?.sendText(text);
            }
        }
    }

    #forget() {
        clearTimeout(this.timer);
        this.terminal = undefined;
        this.running = undefined;
        this.current = undefined;
        this.typed = undefined;
        this.isStarting = false;
        this.isOverdue = false;
        this.queue = [];
    }
}

/**
 * A shell runs the first of several lines while it still has to read the second, which the first could read instead. It
 * reads to the closing brace before it runs anything.
 *
 * @param {string} command
 */
function whole(command) {
    return command.includes('\n') ? `{\n${command}\n}` : command;
}

module.exports = { COMMAND, INTEGRATION, LessonTerminal, NAME };
