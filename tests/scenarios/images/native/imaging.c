int imaging_open(void) { return 0; }
