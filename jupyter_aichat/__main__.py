"""`python -m jupyter_aichat …` is `jupyter aichat …`."""

from jupyter_aichat.cli.main import main

if __name__ == "__main__":
    main()
