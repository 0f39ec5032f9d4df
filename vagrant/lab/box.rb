# The Vagrantfile inside the box of `vagrant/lab/box`: what this box needs and others do not.
Vagrant.configure("2") do |config|
  config.ssh.insert_key = false # The lab sees no network; a new key would cost seconds.
  config.vm.boot_timeout = 600

  config.vm.provider :libvirt do |vm|
    vm.kernel = File.expand_path("vmlinuz", __dir__)
    vm.initrd = File.expand_path("initrd", __dir__)
    vm.cmd_line = "root=/dev/vda rw console=ttyS0 net.ifnames=0 quiet mitigations=off"
    vm.disk_bus = "virtio"
  end
end
