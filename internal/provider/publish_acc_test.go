// Copyright (c) The terraform-provider-dcos Authors
// SPDX-License-Identifier: MPL-2.0

package provider

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/dcos-install/terraform-provider-dcos/internal/lab"
	"github.com/dcos-install/terraform-provider-dcos/internal/lab/objectstore"
)

// TestAccPublish installs a node that fetches from nginx on a host that the
// provider publishes to over SSH, and moves it to a bucket of an S3 server.
func TestAccPublish(t *testing.T) {
	t.Parallel()
	l := requireAcceptance(t)
	bucket := newPublicBucket(t, l)
	s := newSite(t, l, 1, 0, 0)
	s.tf.Env = append(s.tf.Env, "AWS_ACCESS_KEY_ID="+bucketKey, "AWS_SECRET_ACCESS_KEY="+bucketSecret,
		"AWS_CONFIG_FILE="+filepath.Join(t.TempDir(), "none"))
	logs := filepath.Join(t.TempDir(), "trace.log")
	web := l.Host(t, "publish-www", lab.WithPackages("nginx-light"))
	before, err := web.Snapshot(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	const srv = "/var/www/html/dcos"
	publish := func(to, url, more string) {
		s.configure(siteOptions{parameters: fmt.Sprintf("bootstrap_url = %q\n  publish = {\n%s\n}\n%s", url, to, more)})
	}
	onHost := fmt.Sprintf("directory = %q\n ssh = { address = %q }", srv, web.Address)
	shell := func(command string) string {
		t.Helper()
		out, err := web.Shell(t.Context(), command)
		if err != nil {
			t.Fatalf("%s: %v: %s", command, err, out)
		}
		return strings.TrimSpace(out)
	}

	s.step("over SSH, served by nginx", func(t *testing.T) {
		publish(onHost, "http://"+web.Address+"/dcos", "")
		s.tf.Apply()
		s.whole()
		s.tf.NoChanges()
		if fetched := shell("grep -c '\"GET /dcos/packages/.* 200 ' /var/log/nginx/access.log"); fetched == "0" {
			t.Error("the node fetched nothing")
		}
		if left := shell("ls -A /var/tmp | grep -v systemd || :"); left != "" {
			t.Errorf("left on the host: %s", left)
		}
	})
	s.step("what is missing or altered is put back, and nothing else is sent", func(t *testing.T) {
		shell("rm " + srv + "/dcos_install.sh; echo altered >" + srv + "/bootstrap.latest; echo theirs >" + srv + "/theirs")
		inode := shell("stat -c %i " + srv + "/cluster-package-info.json")
		change, ok := s.tf.Plan()[testConfig]
		if !ok || change.Change.Before["published"] != nil {
			t.Fatalf("the plan is %+v", change)
		}
		s.tf.Apply("plan.bin")
		if now := shell("stat -c %i " + srv + "/cluster-package-info.json"); now != inode {
			t.Error("a file that was right has been replaced")
		}
		shell("test -s " + srv + "/dcos_install.sh && ! grep -q altered " + srv + "/bootstrap.latest")
		s.tf.NoChanges()
	})
	s.step("a host that cannot be reached is no change", func(t *testing.T) {
		if err := web.Cut(t.Context(), lab.Refuse); err != nil {
			t.Fatal(err)
		}
		said := diagnosticsOf(s.tf, "plan", "-detailed-exitcode")
		if !said.mentions("warning", "Published Files Not Checked") || said.mentions("error", "") {
			t.Errorf("the plan says %+v", said)
		}
		if err := web.Rejoin(t.Context()); err != nil {
			t.Fatal(err)
		}
	})
	s.step("to a bucket", func(t *testing.T) {
		to := func(parameters string) {
			publish(fmt.Sprintf("s3 = { bucket = \"files\", prefix = \"dcos/main\", endpoint = %q, path_style = true }", bucket.url),
				bucket.url+"/files/dcos/main", parameters)
		}
		// exhibitor knows bootstrap_url, and other services may.
		to("")
		s.tf.Env = append(s.tf.Env, "TF_LOG=TRACE", "TF_LOG_PATH="+logs)
		if said := diagnosticsOf(s.tf, "plan"); !said.mentions("warning", "Master Will Restart") {
			t.Errorf("nothing says that the master restarts: %+v", said)
		}
		s.tf.Apply()
		s.whole()
		s.tf.NoChanges()
		// Nothing on a master reads what is for agents.
		to("docker_remove_delay = \"2hrs\"")
		if said := diagnosticsOf(s.tf, "plan"); said.mentions("warning", "Master Will Restart") {
			t.Errorf("it says that the master restarts: %+v", said)
		}
		to("mesos_max_completed_tasks_per_framework = 500")
		if said := diagnosticsOf(s.tf, "plan"); !said.mentions("warning", "dcos-mesos-master.service") {
			t.Errorf("nothing says what restarts on the master: %+v", said)
		}
		if left := shell("ls -A " + srv); left != "theirs" {
			t.Errorf("left in the directory: %s", left)
		}
		if bucket.fetched() == 0 {
			t.Error("the node fetched nothing")
		}
		for _, root := range []string{s.tf.Path, filepath.Dir(logs)} {
			lookFor(t, root, map[string]string{"secret key of the bucket": bucketSecret})
		}
		if text := readFile(t, logs); !strings.Contains(text, "[TRACE]") {
			t.Error("the log is not at its most talkative")
		}
	})
	s.step("taken away", func(t *testing.T) {
		s.tf.Destroy()
		s.clean(s.nodes()...)
		keys, err := bucket.store.Keys(t.Context(), "files")
		if err != nil || len(keys) > 0 {
			t.Errorf("left in the bucket: %v (%v)", keys, err)
		}
		shell("rm -r " + srv + "; truncate -s 0 /var/log/nginx/access.log")
		after, err := web.Snapshot(t.Context())
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range lab.Diff(before, after) {
			if !strings.Contains(c.Name, "/var/log/nginx") {
				t.Errorf("left on the web server: %s", c)
			}
		}
	})
}

// The key that may write to a publicBucket.
const bucketKey, bucketSecret = "AKIDLAB", "lab-s3-secret"

// A publicBucket is an S3 server in the lab's network, whose bucket "files"
// anybody may read and one key may write.
type publicBucket struct {
	store *objectstore.Store
	url   string
	gets  chan struct{}
}

func newPublicBucket(t *testing.T, l *lab.Lab) *publicBucket {
	t.Helper()
	b := &publicBucket{store: objectstore.New(), gets: make(chan struct{}, 1000)}
	b.store.Allow(bucketKey, bucketSecret)
	if err := b.store.CreateBucket(t.Context(), "files"); err != nil {
		t.Fatal(err)
	}
	listener, err := l.Listen(t.Context(), "tcp", net.JoinHostPort(l.Gateway(), "0"))
	if err != nil {
		t.Fatal(err)
	}
	b.url = "http://" + listener.Addr().String()
	server := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		name, public := strings.CutPrefix(r.URL.Path, "/files/")
		if !public || r.Header.Get("Authorization") != "" {
			b.store.ServeHTTP(w, r)
			return
		}
		text, err := b.store.Object(r.Context(), "files", name)
		if err != nil {
			http.NotFound(w, r)
			return
		}
		if r.Method == http.MethodGet {
			select {
			case b.gets <- struct{}{}:
			default:
			}
		}
		http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(text))
	})}
	go server.Serve(listener) //nolint:errcheck // it ends with the test
	t.Cleanup(func() { _ = server.Close() })
	return b
}

// fetched is how many files have been read without a key.
func (b *publicBucket) fetched() int { return len(b.gets) }
