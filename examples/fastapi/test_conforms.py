import subprocess


def test_the_server_conforms():
    subprocess.run(["npx", "parlor", "test", "--start", "./start", "--require", "core"], check=True)
