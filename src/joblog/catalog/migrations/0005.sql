-- A task says how high the terminal is that its program writes to (joblog run --tty): the terminal's view need not guess it.

ALTER TABLE task ADD COLUMN terminal_rows BIGINT;
